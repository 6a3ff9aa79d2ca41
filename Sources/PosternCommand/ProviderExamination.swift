internal import Configuration
internal import FoundationEssentials
internal import OpenIDConnect
internal import Values
internal import Web

/// Looks at a provider: whether it answers, whether our clocks agree, whether it knows our callback address.
struct ProviderExamination {
    let site: ProbedSite
    let settings: Settings
    let provider: Provider

    func findings() -> [Finding] {
        guard provider.dialect == .openIDConnect else {
            return [.unknown("whether \(provider.name) answers: a plain OAuth2 service publishes nothing to ask for")]
        }
        let issuer = provider.issuer
        let base = issuer.hasSuffix("/") ? String(issuer.dropLast()) : issuer
        guard let url = EndpointURL(base + "/.well-known/openid-configuration", allowsHTTP: true) else { return [] }
        do throws(ProviderFailure) {
            let answer = try site.visit(provider, at: url)
            return [discovery(answer, url), introspection(answer), clock(answer)].compactMap(\.self)
        } catch {
            return [
                .problem(
                    "the provider does not answer: \(url.text): \(error)",
                    remedy: "sessions go on without it; is issuer right, and may this machine connect there?")
            ]
        }
    }

    private func discovery(_ answer: ProbedSite.Answer, _ url: EndpointURL) -> Finding {
        guard answer.status == 200, let document = JSONValue(parsing: Array(answer.text.utf8), limit: 256 * 1024) else {
            return .problem(
                "the provider's discovery answers \(answer.status): \(url.text)", remedy: "is issuer spelled exactly?")
        }
        // Entra ID names a pattern for all its tenants.
        if provider.oddities.contains(.issuerPerTenant) { return .good("the provider \(provider.name) answers") }
        guard let said = document["issuer"]?.string, said.utf8.elementsEqual(provider.issuer.utf8) else {
            return .problem(
                "the provider calls itself \(document["issuer"]?.string.map { "'\($0)'" } ?? "nothing")",
                remedy: "write issuer exactly so")
        }
        return .good("the provider \(said) answers")
    }

    /// Whether it is known where to ask about access tokens, where that is wanted. Some providers publish it elsewhere.
    private func introspection(_ answer: ProbedSite.Answer) -> Finding? {
        guard provider.accessTokens?.isIntrospected == true, provider.endpoints.introspection == nil,
            let document = JSONValue(parsing: Array(answer.text.utf8), limit: 256 * 1024),
            document["introspection_endpoint"] == nil
        else { return nil }
        return .problem(
            "access tokens cannot be looked into: \(provider.name) publishes no introspection_endpoint",
            remedy: "set providers.\(provider.name).introspection_endpoint")
    }

    /// The `Date` field (RFC 9110, section 6.6.1) beside our own clock.
    private func clock(_ answer: ProbedSite.Answer) -> Finding? {
        guard let said = answer.values("Date").first.flatMap(Self.seconds) else { return nil }
        let distance = Clock.system.now().seconds - said
        guard abs(distance) > 60 else { return .good("the clocks agree") }
        return .problem(
            "this machine's clock is \(abs(distance)) s \(distance > 0 ? "ahead of" : "behind") the provider's: "
                + "tokens will be refused",
            remedy: "synchronise the clock (systemd-timesyncd, chrony)")
    }

    private static func seconds(_ text: String) -> Int64? {
        let parts = text.split(separator: " ")
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        guard parts.count == 6, let day = Int(parts[1]), let month = months.firstIndex(of: String(parts[2])),
            let year = Int(parts[3])
        else { return nil }
        let time = parts[4].split(separator: ":").compactMap { Int($0) }
        guard time.count == 3 else { return nil }
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = .gmt
        let date = calendar.date(
            from: DateComponents(
                year: year, month: month + 1, day: day, hour: time[0], minute: time[1], second: time[2]))
        return date.map { Int64($0.timeIntervalSince1970) }
    }

    /// Whether the provider takes the request that a visitor is sent with.
    func accepts(_ location: String) -> Finding? {
        guard let url = EndpointURL(location, allowsHTTP: true), let answer = try? site.visit(provider, at: url) else {
            return .unknown("whether the provider takes our request")
        }
        guard answer.status >= 400 else { return .good("the provider takes our request") }
        let callback = settings.gate.publicURL.origin + settings.gate.prefix + "/callback"
        return .problem(
            "the provider refuses our request (\(answer.status)): wrong callback address, or unknown client",
            remedy: "register \(callback) as redirect URI of client \(provider.clientID), to the letter")
    }
}
