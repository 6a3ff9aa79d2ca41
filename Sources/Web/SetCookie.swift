/// One `Set-Cookie` (RFC 6265bis, section 4.1).
package struct SetCookie: Sendable, Equatable {
    package enum SameSite: String, Sendable {
        case lax = "Lax"
        case strict = "Strict"
        case none = "None"
    }

    /// Where a cookie goes and who may read it. The same for setting and for expiring, or a browser keeps it.
    package struct Scope: Sendable, Equatable {
        package var domain: String?
        package var path: String
        package var sameSite: SameSite
        package var isSecure: Bool

        package init(domain: String? = nil, path: String = "/", sameSite: SameSite = .lax, isSecure: Bool = true) {
            self.domain = domain
            self.path = path
            self.sameSite = sameSite
            self.isSecure = isSecure
        }
    }

    /// The same, also for requests that other sites' forms make; only with https.
    package var forAllSites: SetCookie {
        var scope = scope
        if scope.isSecure { scope.sameSite = .none }
        return SetCookie(name: name, value: value, scope: scope, maxAge: maxAge)
    }

    package let name: String
    package let value: String
    package let scope: Scope
    /// Seconds; `nil` until the browser closes, 0 to remove the cookie.
    package let maxAge: Int64?

    package init(name: String, value: String, scope: Scope, maxAge: Int64?) {
        self.name = name
        self.value = value
        self.scope = scope
        self.maxAge = maxAge
    }

    /// Removes the cookie of this name and scope.
    package static func expiring(name: String, scope: Scope) -> SetCookie {
        SetCookie(name: name, value: "", scope: scope, maxAge: 0)
    }

    /// The field's value.
    package var text: String {
        var text = "\(name)=\(value); Path=\(scope.path)"
        if let domain = scope.domain { text += "; Domain=\(domain)" }
        if let maxAge { text += "; Max-Age=\(maxAge)" }
        if scope.isSecure { text += "; Secure" }
        return text + "; HttpOnly; SameSite=\(scope.sameSite.rawValue)"
    }
}
