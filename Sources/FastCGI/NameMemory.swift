internal import Glibc
internal import Web

/// Which parameter stands in which place. A web server sends the same names in the same order with each request, so
/// those of the last one are compared first, and nothing is searched as a rule.
struct NameMemory {
    /// The names, each with its `=`, one after another.
    private var letters: [CChar] = []
    /// Where each name ends in `letters`, and what it is; `nil` for none of ours.
    private var places: [(end: Int, parameter: Request.Parameter?)] = []

    /// The parameter of the `index`th text `name=value`, and how long the name is with its `=`. Nil for a text without.
    mutating func look(at text: UnsafePointer<CChar>, _ index: Int) -> (parameter: Request.Parameter?, length: Int)? {
        if index < places.count {
            let start = index == 0 ? 0 : places[index - 1].end
            let length = places[index].end - start
            let isSame = unsafe letters.withUnsafeBufferPointer { letters in
                guard let base = letters.baseAddress else { return false }
                return unsafe strncmp(text, base + start, length) == 0
            }
            if isSame { return (places[index].parameter, length) }
        }
        return unsafe learn(text, index)
    }

    private mutating func learn(
        _ text: UnsafePointer<CChar>, _ index: Int
    ) -> (parameter: Request.Parameter?, length: Int)? {
        guard let equals = unsafe strchr(text, Int32(UInt8(ascii: "="))) else { return nil }
        let length = unsafe UnsafePointer(equals) - text + 1
        let name = unsafe UnsafeBufferPointer(start: text, count: length)
        // What came behind this place is of another kind of request.
        places.removeSubrange(min(index, places.count)...)
        letters.removeSubrange((places.last?.end ?? 0)...)
        let parameter = unsafe Request.Parameter(
            named: UnsafeRawBufferPointer(start: text, count: length - 1).bindMemory(to: UInt8.self).span)
        guard places.count == index else { return (parameter, length) }
        unsafe letters.append(contentsOf: name)
        places.append((letters.count, parameter))
        return (parameter, length)
    }
}
