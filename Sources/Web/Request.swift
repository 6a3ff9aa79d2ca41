internal import Values

/// What the web server says of one request (RFC 3875, section 4.1): one buffer with the values that matter, and
/// where each of them stands in it.
///
/// It never changes, and is a class so that the many who look at it share one.
package final class Request: Sendable {
    /// What is asked of us (FastCGI specification, sections 6.2 and 6.3).
    package enum Role: Sendable {
        case responder
        case authorizer
    }

    package let role: Role
    /// The body, at most as long as the edge lets in; empty for an authorizer.
    package let body: [UInt8]
    /// The bytes of the values.
    package let storage: [UInt8]
    private let places: Places
    /// Whether a parameter that decides came twice with two meanings: nothing may be allowed on its word.
    package let isAmbiguous: Bool
    /// Whether `X-Forwarded-For` came twice with two values: nobody can tell which one the last proxy wrote.
    package let isForwardingAmbiguous: Bool

    fileprivate init(role: Role, body: [UInt8], _ values: consuming Builder) {
        self.role = role
        self.body = body
        storage = values.storage
        places = values.places
        isAmbiguous = values.isAmbiguous
        isForwardingAmbiguous = values.isForwardingAmbiguous
    }

    /// One for each parameter, by its number.
    fileprivate typealias Places = InlineArray<27, Place>

    /// One behind the place where a value begins, and where it ends, in halves of a word; zero for none, so that many
    /// are cleared and moved at once.
    fileprivate struct Place {
        private let word: UInt64

        static let absent = Place(word: 0)

        private init(word: UInt64) {
            self.word = word
        }

        init(_ range: Range<Int>) {
            word = UInt64(UInt32(clamping: range.lowerBound + 1)) << 32 | UInt64(UInt32(clamping: range.upperBound))
        }

        var isAbsent: Bool { word == 0 }
        var range: Range<Int> { isAbsent ? 0..<0 : Int(word >> 32) - 1..<Int(word & 0xFFFF_FFFF) }
    }

    /// The value of a parameter by its bytes; `nil` when the web server did not send it.
    package subscript(_ parameter: Parameter) -> ArraySlice<UInt8>? {
        let place = places[parameter.rawValue]
        return place.isAbsent ? nil : storage[place.range]
    }

    /// Whether a check is asked for by role, as Apache and lighttpd do (FastCGI specification, section 6.3).
    package var isAuthorizer: Bool {
        if case .authorizer = role { true } else { false }
    }

    /// Whether the web server sent exactly this value of a parameter.
    package func says(_ value: StaticString, _ parameter: Parameter) -> Bool {
        let place = places[parameter.rawValue]
        guard !place.isAbsent else { return false }
        let wanted = unsafe Span(_unsafeStart: value.utf8Start, count: value.utf8CodeUnitCount)
        let storage = storage
        return storage.span.extracting(place.range).isSame(as: wanted)
    }

    /// What was asked first, where the web server sent the request on to us with another method (Apache's
    /// `ErrorDocument`).
    package var method: ArraySlice<UInt8>? { self[.redirectedMethod] ?? self[.requestMethod] }

    /// The value as text; `nil` when absent or not UTF-8.
    package func text(_ parameter: Parameter) -> String? {
        self[parameter].flatMap { String(validating: $0, as: UTF8.self) }
    }
}

extension Request {
    /// Takes parameters one by one, as the edge meets them.
    package struct Builder {
        /// The bytes of the values. The edge appends each and then says whose it is.
        package var storage: [UInt8]
        fileprivate var places = Places(repeating: .absent)
        fileprivate var isAmbiguous = false
        fileprivate var isForwardingAmbiguous = false

        /// `buffer`: the storage of a request that is answered, so that the next need not ask for memory.
        package init(reusing buffer: consuming [UInt8] = []) {
            buffer.removeAll(keepingCapacity: true)
            storage = buffer
        }

        /// Keeps what stands in `storage` from `start` on as the value of this parameter. A second `HTTP_COOKIE` is
        /// appended to the first, because two lines are one cookie string (RFC 6265, section 5.4); a second different
        /// value of a parameter that decides makes the request ambiguous, but that an empty `QUERY_STRING` says nothing:
        /// nginx sends one where Debian's `fastcgi_params` is included first; of any other the first counts.
        package mutating func add(_ parameter: Parameter, from start: Int) {
            let value = start..<storage.count
            let place = places[parameter.rawValue]
            if place.isAbsent {
                places[parameter.rawValue] = Place(value)
            } else if parameter == .cookie {
                places[parameter.rawValue] = join(place.range, value)
            } else if parameter == .queryString, place.range.isEmpty {
                places[parameter.rawValue] = Place(value)
            } else if parameter == .queryString, value.isEmpty {
                return
            } else if parameter.decides || parameter == .forwardedFor, storage[place.range] != storage[value] {
                if parameter.decides { isAmbiguous = true } else { isForwardingAmbiguous = true }
            }
        }

        /// The finished request.
        package consuming func request(role: Role, body: [UInt8] = []) -> Request {
            Request(role: role, body: body, self)
        }

        /// Copies what was there only when something else came in between: many lines of one field stay cheap.
        private mutating func join(_ first: Range<Int>, _ second: Range<Int>) -> Place {
            if first.upperBound == second.lowerBound {
                storage.insert(contentsOf: "; ".utf8, at: second.lowerBound)
                return Place(first.lowerBound..<storage.count)
            }
            let start = storage.count
            storage.append(contentsOf: storage[first])
            storage.append(contentsOf: "; ".utf8)
            storage.append(contentsOf: storage[second])
            return Place(start..<storage.count)
        }
    }

    /// A request of these parameters, for tests and for questions asked on the command line.
    package convenience init(role: Role, parameters: [(name: String, value: String)], body: [UInt8] = []) {
        var builder = Builder()
        for (name, value) in parameters {
            let letters = Array(name.utf8)
            guard let parameter = Parameter(named: letters.span) else { continue }
            let start = builder.storage.count
            builder.storage += Array(value.utf8)
            builder.add(parameter, from: start)
        }
        self.init(role: role, body: body, builder)
    }
}
