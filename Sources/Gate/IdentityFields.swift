internal import HTTPTypes
internal import Identity
package import Sessions
internal import Values
internal import Web

/// The header fields that tell the application who it is.
extension IdentitySettings {
    /// The fields for this session. What has no value has no field: the web server's configuration clears what a
    /// client sent under that name.
    package func fields(for session: Session) -> IdentityFields {
        let assertion = assertions?.assertion(for: session)
        let fields = headers.compactMap { header -> Field? in
            guard header.source == .assertion else {
                return value(of: header.source, in: session).flatMap { Field(header.name, $0) }
            }
            let scheme = header.name == .authorization ? "Bearer " : ""
            return assertion.flatMap { Field(header.name, "\(scheme)\($0.text)".utf8) }
        }
        return IdentityFields(
            responder: FieldBlock(fields), authorizer: FieldBlock(variables(for: session, fields)),
            use: assertion?.use)
    }

    private func value(of source: Source, in session: Session) -> [UInt8]? {
        let identity = session.identity
        return switch source {
        case .user: Array(identity.username.utf8)
        case .email: identity.email.map { Array($0.utf8) }
        case .preferredUsername: identity.preferredUsername.map { Array($0.utf8) }
        case .accessToken: session.accessToken.exposed
        case .groups: list(identity.groups)
        case .claim(let path): identity.claims[path].flatMap(text(of:))
        case .assertion: nil
        }
    }

    private func text(of claim: JSONValue) -> [UInt8]? {
        switch claim {
        case .null: nil
        case .string(let text): escaped(text)
        case .array(let elements): list(elements.compactMap(\.string))
        case .bool, .integer, .number, .object: escaped(claim.text)
        }
    }

    private func list(_ elements: [String]) -> [UInt8]? {
        let elements = elements.filter { !$0.isEmpty }
        guard !elements.isEmpty else { return nil }
        return Array(elements.map(escaped).joined(separator: CollectionOfOne(UInt8(ascii: ","))))
    }

    /// Percent-encodes what could pass for a separator, an escape or a second line, so that a group called
    /// `a,admins` is never read as two; and a space at an end, so that ` admins` is not read as another's name.
    private func escaped(_ text: String) -> [UInt8] {
        let scalars = Array(text.unicodeScalars)
        return scalars.indices.flatMap { index -> [UInt8] in
            let bytes = Array(String(scalars[index]).utf8)
            let isAtEnd = index == 0 || index == scalars.count - 1
            guard Self.endsALine(scalars[index]) || Self.separators.contains(bytes[0]) || (isAtEnd && bytes == [0x20])
            else { return bytes }
            return bytes.flatMap { Array("%".utf8) + [$0 >> 4, $0 & 0xF].map { Self.digits[Int($0)] } }
        }
    }

    /// Control characters, those beyond ASCII among them, and what Unicode calls the end of a line or paragraph.
    private static func endsALine(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x20, 0x7F..<0xA0, 0x2028, 0x2029: true
        default: false
        }
    }

    private static let separators = Array(",;\\\"%".utf8)
    private static let digits = Array("0123456789ABCDEF".utf8)
}

extension IdentitySettings {
    /// The fields for an authorizer: `Variable-REMOTE_USER`, and the others as `Variable-X_AUTH_REQUEST_EMAIL`
    /// (FastCGI specification, section 6.3).
    private func variables(for session: Session, _ fields: [Field]) -> [Field] {
        let user = HTTPField.Name("Variable-REMOTE_USER").flatMap { Field($0, session.identity.username.utf8) }
        let others = fields.compactMap { field in
            let name = field.name.rawName.replacing("-", with: "_").uppercased()
            return HTTPField.Name("Variable-\(name)").flatMap { Field($0, field.value) }
        }
        // A field Remote-User is this variable, too: what the operator gave it counts.
        return others.contains { $0.name == user?.name } ? others : [user].compactMap(\.self) + others
    }
}

extension Gate {
    /// What the application is told of this session now.
    func fields(of live: LiveSession) -> IdentityFields {
        live.fields.fields(at: clock.now()) { settings.identity.fields(for: live.session) }
    }

    /// The same of whoever an access token speaks for.
    func fields(of token: TokenSession) -> IdentityFields {
        token.fields.fields(at: clock.now()) { settings.identity.fields(for: token.session) }
    }
}
