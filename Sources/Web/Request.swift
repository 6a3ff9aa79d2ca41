/// What the web server says of one request (RFC 3875, section 4.1): one buffer with the values that matter, and
/// where each of them stands in it.
package struct Request: Sendable {
    /// What is asked of us (FastCGI specification, sections 6.2 and 6.3).
    package enum Role: Sendable {
        case responder
        case authorizer
    }

    package let role: Role
    /// The body, at most as long as the edge lets in; empty for an authorizer.
    package let body: [UInt8]
    private let storage: [UInt8]
    private let places: [Place]
    /// Whether a parameter that decides came twice with two meanings: nothing may be allowed on its word.
    package let isAmbiguous: Bool

    fileprivate struct Place {
        var start: UInt32 = 0
        var end: UInt32 = 0
        static let absent = Place(start: 1, end: 0)
    }

    /// The value of a parameter by its bytes; `nil` when the web server did not send it.
    package subscript(_ parameter: Parameter) -> ArraySlice<UInt8>? {
        let place = places[parameter.rawValue]
        return place.start <= place.end ? storage[Int(place.start)..<Int(place.end)] : nil
    }

    /// The value as text; `nil` when absent or not UTF-8.
    package func text(_ parameter: Parameter) -> String? {
        self[parameter].flatMap { String(validating: $0, as: UTF8.self) }
    }
}

extension Request {
    /// Takes parameters one by one, as the edge meets them.
    package struct Builder {
        private var storage: [UInt8] = []
        private var places = [Place](repeating: .absent, count: Parameter.allCases.count)
        private var isAmbiguous = false

        package init() {
            storage.reserveCapacity(2048)
        }

        /// Keeps the parameter if it is one of ours. A second `HTTP_COOKIE` is appended to the first, because two
        /// lines are one cookie string (RFC 6265, section 5.4); a second different value of a parameter that
        /// decides makes the request ambiguous; of any other the first counts.
        package mutating func add(name: Span<UInt8>, value: Span<UInt8>) {
            guard let parameter = Parameter(named: name) else { return }
            let place = places[parameter.rawValue]
            if place.start > place.end {
                places[parameter.rawValue] = append(value)
            } else if parameter == .cookie {
                places[parameter.rawValue] = append(value, after: place)
            } else if parameter.decides, !isSame(value, place) {
                isAmbiguous = true
            }
        }

        /// The finished request.
        package consuming func request(role: Role, body: [UInt8] = []) -> Request {
            Request(role: role, body: body, storage: storage, places: places, isAmbiguous: isAmbiguous)
        }

        private mutating func append(_ value: Span<UInt8>) -> Place {
            let start = UInt32(storage.count)
            for index in value.indices { storage.append(value[index]) }
            return Place(start: start, end: UInt32(storage.count))
        }

        /// Copies what was there only when something else came in between: many lines of one field stay cheap.
        private mutating func append(_ value: Span<UInt8>, after place: Place) -> Place {
            var start = place.start
            if Int(place.end) != storage.count {
                start = UInt32(storage.count)
                storage.append(contentsOf: storage[Int(place.start)..<Int(place.end)])
            }
            storage.append(contentsOf: "; ".utf8)
            return Place(start: start, end: append(value).end)
        }

        private func isSame(_ value: Span<UInt8>, _ place: Place) -> Bool {
            guard value.count == Int(place.end - place.start) else { return false }
            return value.indices.allSatisfy { value[$0] == storage[Int(place.start) + $0] }
        }
    }

    /// A request of these parameters, for tests and for questions asked on the command line.
    package init(role: Role, parameters: [(name: String, value: String)], body: [UInt8] = []) {
        var builder = Builder()
        for (name, value) in parameters {
            let (name, value) = (Array(name.utf8), Array(value.utf8))
            builder.add(name: name.span, value: value.span)
        }
        self = builder.request(role: role, body: body)
    }
}
