internal import Identity
internal import Values

/// How a store finds the sessions that a provider says are over, without knowing whose they are: codes that only our
/// keys make of a person's subject and of the provider's session id (`sid`).
package struct SessionMarks: Sendable, Equatable {
    package let subject: [UInt8]
    package let session: [UInt8]?

    package init(subject: [UInt8], session: [UInt8]?) {
        self.subject = subject
        self.session = session
    }

    init(of identity: Identity, keys: KeyRing) {
        let (provider, sid) = (identity.provider, identity.claims.members["sid"]?.string)
        subject = keys.authenticator(of: Self.text("sub", provider, identity.subject), purpose: .mark)
        session = sid.map { keys.authenticator(of: Self.text("sid", provider, $0), purpose: .mark) }
    }

    /// The marks of all that may be meant, one for each key of the ring.
    static func of(_ target: LogoutTarget, provider: String, keys: KeyRing) -> [[UInt8]] {
        let text: [UInt8] =
            switch target {
            case .session(let sid, _): text("sid", provider, sid)
            case .subject(let subject): text("sub", provider, subject)
            }
        return keys.authenticators(of: text, purpose: .mark)
    }

    /// The marks of the person whose session it is: one of theirs without a `sid` may be the one that is meant.
    static func owner(of target: LogoutTarget, provider: String, keys: KeyRing) -> [[UInt8]] {
        guard case .session(_, let subject?) = target else { return [] }
        return keys.authenticators(of: text("sub", provider, subject), purpose: .mark)
    }

    /// A name of a provider holds no NUL.
    private static func text(_ kind: String, _ provider: String, _ name: String) -> [UInt8] {
        Array("\(kind)\0\(provider)\0\(name)".utf8)
    }
}

/// What a provider says is over.
package enum LogoutTarget: Sendable, Equatable {
    /// One session there, by its `sid`; of a person, where it is said of whom.
    case session(String, of: String?)
    /// All of a person's.
    case subject(String)
}
