internal import Values
internal import Web

/// The languages that our pages speak.
enum Language: String, CaseIterable {
    case english = "en"
    case korean = "ko"

    /// What the visitor likes best of these (RFC 9110, section 12.5.4); English where they do not say.
    init(of request: Request) {
        var best: (language: Language, quality: Int) = (.english, 0)
        for range in (request[.acceptLanguage] ?? []).prefix(512).split(separator: UInt8(ascii: ",")) {
            let parts = range.split(separator: UInt8(ascii: ";")).map(\.trimmed)
            guard let tag = parts.first, let language = Self.named(tag) else { continue }
            let quality = parts.dropFirst().first.map(Self.quality) ?? 1000
            if quality > best.quality { best = (language, quality) }
        }
        self = best.language
    }

    private static func named(_ tag: ArraySlice<UInt8>) -> Language? {
        let primary = tag.prefix { $0 != UInt8(ascii: "-") }
        return allCases.first { primary.isEqualIgnoringCase(to: $0.rawValue.utf8) }
    }

    /// Thousandths; `q=0.5` is 500.
    private static func quality(_ parameter: ArraySlice<UInt8>) -> Int {
        guard parameter.starts(with: "q=".utf8) else { return 1000 }
        let digits = parameter.dropFirst(2)
        guard digits.first == UInt8(ascii: "0") else { return digits.first == UInt8(ascii: "1") ? 1000 : 0 }
        let fraction = digits.dropFirst(2).prefix(3)
        guard fraction.allSatisfy({ (0x30...0x39).contains($0) }) else { return 0 }
        return (0..<3).reduce(0) { sum, place in
            let index = fraction.startIndex + place
            return sum * 10 + (index < fraction.endIndex ? Int(fraction[index] - 0x30) : 0)
        }
    }
}
