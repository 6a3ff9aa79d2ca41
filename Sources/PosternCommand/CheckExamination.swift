internal import Configuration
internal import HTTPTypes
internal import Identity
internal import Policy
internal import Sessions
internal import Values
internal import Web

/// Looks at what becomes of requests for a protected page: without a session, with one, and with forged fields.
struct CheckExamination {
    let site: ProbedSite
    let settings: Settings
    let person: Identity
    let probe: ProbeSessions?

    func findings() -> [Finding] {
        do throws(ProviderFailure) {
            let outside = try withoutSession()
            guard let probe, !outside.isProblem else { return [outside] }
            return [outside] + (try withSession(probe))
        } catch {
            return [.problem("\(site.page.text) cannot be asked: \(error)", remedy: "see the web server's log")]
        }
    }

    private func decision(for person: Identity?) -> Decision? {
        let path = site.page.pathAndQuery.isEmpty ? "/" : site.page.pathAndQuery
        return ResourcePath(requestURI: Array(path.utf8)[...]).map { path in
            settings.policy.decide(
                on: Resource(host: site.page.host, path: path, method: "GET", address: nil), for: person)
        }
    }

    // MARK: Without a session

    private func withoutSession() throws(ProviderFailure) -> Finding {
        guard case .signIn = decision(for: nil) else {
            return .unknown("\(site.page.text) asks nobody to sign in: name another page with --url")
        }
        let answer = try site.fetch(site.page)
        switch answer.status {
        case 401: return .good("\(site.page.text) is refused without a session")
        case 403:
            return .problem(
                "\(site.page.text) is denied to everybody without a session (403)",
                remedy: "do hosts in rules name the web server's server_name? Is there a rule of the web server's own?")
        case 500...: return try broken(answer)
        default:
            return .problem(
                "check skipped: \(site.page.text) is answered \(answer.status) without a session",
                remedy: "a `return` or `rewrite` there runs before the check, or nothing asks Postern: "
                    + "include the protect part in that location")
        }
    }

    private func broken(_ answer: ProbedSite.Answer) throws(ProviderFailure) -> Finding {
        let notes = try notes()
        guard let note = notes.last else {
            return .problem(
                "the web server's check fails (\(answer.status))",
                remedy: "see the web server's log: is Postern's socket there, is the answer too big for its buffers?")
        }
        return .problem(
            "the web server asks incompletely, inherited parameters are lost: \(note)",
            remedy: "one fastcgi_param in a location hides all inherited ones: use the printed configuration")
    }

    /// What the running Postern noticed since we began.
    private func notes() throws(ProviderFailure) -> [String] {
        guard let probe, let url = site.own("doctor") else { return [] }
        let answer = try site.fetch(url, cookie: probe.proof)
        let document = JSONValue(parsing: Array(answer.text.utf8), limit: 64 * 1024)
        return document?["notes"]?.array?.compactMap(\.string) ?? []
    }

    // MARK: With a session

    private func withSession(_ probe: ProbeSessions) throws(ProviderFailure) -> [Finding] {
        guard let ticket = probe.ticket(for: person) else {
            return [.problem("the session store takes no session", remedy: "run this as the user of Postern")]
        }
        let cookie = "\(settings.cookie.name)=\(ticket)"
        let answer = try site.fetch(site.page, cookie: cookie)
        switch (answer.status, decision(for: person)) {
        case (401, _): return [try cookieLost(cookie)]
        case (403, .deny):
            return [
                .good("a session arrives"),
                .unknown(
                    "what the application gets: your rules deny \(person.username); describe somebody with --email, --group"
                ),
            ]
        case (500..., _): return [try broken(answer)]
        default:
            return [.good("a session opens \(site.page.text) (\(answer.status))")]
                + handedOn(answer, ticket) + [try buffers(probe), try forged(cookie)]
        }
    }

    private func cookieLost(_ cookie: String) throws(ProviderFailure) -> Finding {
        let direct = try site.own("userinfo").map { url throws(ProviderFailure) in try site.fetch(url, cookie: cookie) }
        guard direct?.status == 200 else {
            return .problem(
                "a session is not found",
                remedy: "does the running Postern use this session.store and session.key_file?")
        }
        return .problem(
            "cookie not handed back: Postern's pages see the session, the check does not",
            remedy: "hand the Cookie field to the check: fastcgi_param HTTP_COOKIE $http_cookie")
    }

    private func handedOn(_ answer: ProbedSite.Answer, _ ticket: String) -> [Finding] {
        guard answer.contains(ticket) else { return [] }
        return [
            .problem(
                "the application gets Postern's cookie, the key to the session",
                remedy: "include the protect part: it takes the cookie out")
        ]
    }

    /// Identity fields of some kilobytes must arrive or be refused; an error is neither.
    private func buffers(_ probe: ProbeSessions) throws(ProviderFailure) -> Finding {
        for size in [2, 14] {
            let groups =
                person.groups + (0..<size * 16).map { "postern-doctor-\(String(repeating: "x", count: 45))-\($0)" }
            let large = Identity(
                provider: person.provider, issuer: person.issuer, subject: person.subject, username: person.username,
                email: person.email, isEmailVerified: true, groups: groups)
            guard let ticket = probe.ticket(for: large) else { continue }
            let answer = try site.fetch(site.page, cookie: "\(settings.cookie.name)=\(ticket)")
            guard answer.status < 500 else {
                return .problem(
                    "buffers too small: with \(size) kB of groups the web server answers \(answer.status)",
                    remedy: "fastcgi_buffer_size and POSTERN_HEADER_BYTES are to be the same, 32k for example")
            }
        }
        return .good("large identity headers arrive, or are refused with a line in the log")
    }

    // MARK: Forged fields

    private func forged(_ cookie: String) throws(ProviderFailure) -> Finding {
        let mark = "forged-\(Base64URL.encode(Entropy.system.bytes(9)))"
        let names = HeaderNames(sent: settings.identity.headers.map(\.name)).allSpellings
        for start in stride(from: 0, to: names.count, by: 30) {
            let batch = names[start..<min(start + 30, names.count)]
            let fields = batch.compactMap { name in
                HTTPField.Name(name).map { HTTPField(name: $0, value: "\(mark)-\(name)") }
            }
            let answer = try site.fetch(site.page, cookie: cookie, fields: fields)
            if let name = batch.first(where: { answer.text.contains("\(mark)-\($0)") }) {
                return .problem(
                    "identity headers not scrubbed: a client's \(name) reaches the application",
                    remedy:
                        "include the protect part in the location itself: a proxy_set_header there hides those above")
            }
        }
        let plain = try site.fetch(
            site.page, cookie: cookie,
            fields: HTTPField.Name("X-Postern-Doctor").map { [HTTPField(name: $0, value: mark)] } ?? [])
        guard plain.text.contains(mark) else {
            return .unknown(
                "whether forged identity headers reach the application: it does not show what it gets. Name a page that "
                    + "does with --url")
        }
        return .good("forged identity headers do not reach the application")
    }
}
