/// The names of all cookies of ours.
struct CookieNames: Sendable {
    /// A regular expression for them, for nginx and Apache.
    let pattern: String
    /// The session's cookie, and what the names of the others begin with.
    let session: String
    let prefix: String

    init(session name: String, isSecure: Bool) {
        session = name
        prefix = (isSecure ? "__Host-" : "") + "postern-"
        pattern = "(?:\(Self.escaped(name))|\(prefix)attempts|\(prefix)state-[A-Za-z0-9_-]*)"
    }

    private static func escaped(_ name: String) -> String {
        name.unicodeScalars.map { scalar in
            scalar.properties.isAlphabetic || scalar.properties.numericType != nil
                || "-_".unicodeScalars.contains(scalar)
                ? "\(scalar)" : "\\\(scalar)"
        }.joined()
    }
}
