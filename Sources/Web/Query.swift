internal import Values

/// The parameters of a query or a form (`application/x-www-form-urlencoded`), decoded once, in their order.
package struct Query: Sendable {
    package let pairs: [(name: [UInt8], value: [UInt8])]

    /// `nil` when an escape is malformed or there are more than 64 pairs.
    package init?(_ bytes: some Collection<UInt8>) {
        var pairs: [(name: [UInt8], value: [UInt8])] = []
        for pair in bytes.split(separator: UInt8(ascii: "&")) {
            let name = pair.prefix { $0 != UInt8(ascii: "=") }
            guard pairs.count < 64,
                let decodedName = PercentEncoding.decode(name, plusIsSpace: true),
                let value = PercentEncoding.decode(pair.dropFirst(name.count + 1), plusIsSpace: true)
            else { return nil }
            pairs.append((decodedName, value))
        }
        self.pairs = pairs
    }

    /// All values of this name.
    package func values(_ name: StaticString) -> [[UInt8]] {
        pairs.filter { $0.name.isEqual(to: name) }.map(\.value)
    }

    /// The value of this name; `nil` when it is absent, and also when it is there twice (RFC 6749, section 3.1).
    package func only(_ name: StaticString) -> [UInt8]? {
        let values = values(name)
        return values.count == 1 ? values[0] : nil
    }

    /// The text of these pairs. A space becomes `%20`, which queries and forms read alike.
    package static func encode(_ pairs: [(String, String)]) -> String {
        pairs.map { "\(PercentEncoding.encode($0.0))=\(PercentEncoding.encode($0.1))" }.joined(separator: "&")
    }
}
