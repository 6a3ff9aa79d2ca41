/// Where unpredictable bytes come from, so that tests can say which they are.
package struct Entropy: Sendable {
    /// This many bytes of a cryptographically secure generator.
    package let bytes: @Sendable (_ count: Int) -> [UInt8]

    package init(bytes: @escaping @Sendable (_ count: Int) -> [UInt8]) {
        self.bytes = bytes
    }

    /// The generator of the kernel; its failure ends the process, because nothing safe can be done without it.
    package static let system = Entropy { count in
        var generator = SystemRandomNumberGenerator()
        return (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
    }
}
