import OpenIDConnect
import Testing
import Web

@Suite("Every preset is sound")
struct PresetsTests {
    @Test("Kinds and titles are each used once, and can be written in a configuration")
    func unique() {
        #expect(Set(kinds).count == kinds.count && Set(Preset.all.map(\.title)).count == kinds.count)
        let isPlain = { (kind: String) in kind.allSatisfy { $0.isLowercase || $0.isNumber || $0 == "-" } }
        #expect(kinds.allSatisfy(isPlain))
        #expect(Preset.all.allSatisfy { !$0.title.isEmpty })
    }

    @Test("All that it knows is https, once the operator's words are in", arguments: kinds)
    func addresses(kind: String) throws {
        let preset = try #require(Preset.of(kind: kind))
        let named = [
            preset.issuer, preset.api, preset.authorization, preset.token, preset.userinfo, preset.revocation,
        ]
        for template in named.compactMap(\.self) {
            let text = filled(template, preset)
            let url = try #require(EndpointURL(text), "\(text)")
            #expect(!url.text.contains("{") && url.host.contains("."))
        }
        #expect(preset.example.hasPrefix("https://"))
    }

    @Test("A plain OAuth2 service has all endpoints, a subject of its own and no openid", arguments: kinds)
    func dialects(kind: String) throws {
        let preset = try #require(Preset.of(kind: kind))
        guard preset.dialect == .oauth2 else {
            #expect(preset.scopes.contains("openid") && preset.mapping.subject == "sub")
            #expect(preset.authorization == nil && preset.token == nil)
            return
        }
        #expect(!preset.scopes.contains("openid"))
        guard kind != "oauth2" else { return }
        #expect(preset.authorization != nil && preset.token != nil && preset.userinfo != nil)
        #expect(["id", "account_id"].contains(preset.mapping.subject), "not a name that may be given to another")
    }

    @Test("POL-02: where nobody says that an address is verified, none is", arguments: ["facebook", "nextcloud"])
    func unproved(kind: String) throws {
        #expect(try #require(Preset.of(kind: kind)).mapping.emailVerified == nil)
    }

    private func filled(_ template: String, _ preset: Preset) -> String {
        template.replacing("{issuer}", with: preset.issuer ?? "https://own.example.com")
            .replacing("{api}", with: preset.api ?? "https://api.example.com")
            .replacing("{tenant}", with: "common").replacing("{version}", with: "v1")
    }
}

private let kinds = Preset.all.map(\.kind)
