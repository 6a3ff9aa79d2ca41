/// One configuration key. The table has them all.
package struct Key: Sendable {
    package enum Kind: Sendable, Equatable {
        case text
        /// Never shown; also as `…_file`, which names a file that holds it.
        case secret
        /// Seconds: `90`, `90s`, `15m`, `12h`, `7d`.
        case duration(ClosedRange<Int64>)
        /// Bytes: `512`, `64k`, `1m`.
        case size(ClosedRange<Int64>)
        case number(ClosedRange<Int64>)
        case truth
        case choice([String])
        case list
        /// Names of the operator's, each with a text.
        case map
        case rules
        /// Names of claims, each with what it says.
        case claims
    }

    /// From the top, by dots; `*` stands for a name of the operator's.
    package let path: String
    package let kind: Kind
    /// As it would be written; `nil` when there is none.
    package let standard: String?
    package let help: String

    init(_ path: String, _ kind: Kind, _ standard: String? = nil, _ help: String) {
        self.path = path
        self.kind = kind
        self.standard = standard
        self.help = help
    }

    /// The name of the environment variable that sets it.
    package var environmentName: String {
        "POSTERN_" + path.replacing("*", with: "NAME").replacing(".", with: "_").uppercased()
    }

    var steps: [String] { path.split(separator: ".").map(String.init) }
}
