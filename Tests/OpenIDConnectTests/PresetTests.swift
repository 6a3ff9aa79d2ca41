import OpenIDConnect
import Testing

@Suite("A preset is found by its kind")
struct PresetTests {
    @Test("Each by its own name", arguments: Preset.all.map(\.kind))
    func known(kind: String) {
        #expect(Preset.of(kind: kind)?.kind == kind)
    }

    @Test("Any other name is none", arguments: ["", "Google", "github ", "microsoft"])
    func unknown(kind: String) {
        #expect(Preset.of(kind: kind) == nil)
    }

    @Test("What a preset does not say is as OpenID Connect has it")
    func plain() throws {
        let preset = try #require(Preset.of(kind: "oidc"))
        #expect(preset.dialect == .openIDConnect && preset.scopes == ["openid", "profile", "email"])
        #expect(preset.issuer == nil && preset.oddities.isEmpty && preset.mapping == IdentityMapping())
    }
}
