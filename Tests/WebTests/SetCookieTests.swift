import Testing
import Web

struct SetCookieTests {
    @Test("A session cookie has the attributes that its name promises")
    func host() {
        let cookie = SetCookie(name: "__Host-postern", value: "v", scope: .init(), maxAge: nil)
        #expect(cookie.text == "__Host-postern=v; Path=/; Secure; HttpOnly; SameSite=Lax")
    }

    @Test("Each attribute of a scope is said")
    func scope() {
        let scope = SetCookie.Scope(domain: "example.com", path: "/x", sameSite: .strict, isSecure: false)
        let cookie = SetCookie(name: "n", value: "v", scope: scope, maxAge: 60)
        #expect(cookie.text == "n=v; Path=/x; Domain=example.com; Max-Age=60; HttpOnly; SameSite=Strict")
    }

    @Test("A cookie is expired with the scope that it was set with")
    func expiring() {
        let scope = SetCookie.Scope(sameSite: .none)
        #expect(
            SetCookie.expiring(name: "n", scope: scope).text == "n=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=None"
        )
    }
}
