internal import Configuration
internal import HTTPTypes
internal import Identity
internal import OpenIDConnect
internal import Policy
internal import Sessions
internal import Values
internal import Web

/// Looks at a site from outside, and says what it sees: each of its parts asks one question.
struct Examination {
    let site: ProbedSite
    let settings: Settings
    let person: Identity

    /// In the order in which one thing needs another: without pages there is no use in asking for more.
    func findings() throws -> [Finding] {
        let providers = settings.providers.flatMap {
            ProviderExamination(site: site, settings: settings, provider: $0.provider).findings()
        }
        let pages = pages()
        guard !pages.contains(where: \.isProblem) else { return providers + pages }
        return providers + pages + signIn() + (try checks())
    }

    // MARK: Postern's own pages

    private func pages() -> [Finding] {
        guard let url = site.own("ping") else { return [] }
        do throws(ProviderFailure) {
            let answer = try site.fetch(url)
            if answer.status == 200, answer.text == "OK\n" { return [.good("\(url.text) is answered by Postern")] }
            return [unanswered(url, answer)]
        } catch {
            return [unreachable(url, error)]
        }
    }

    private func unanswered(_ url: EndpointURL, _ answer: ProbedSite.Answer) -> Finding {
        let other = url.isHTTPS ? "http://" : "https://"
        if (300..<400).contains(answer.status), answer.values("Location").first?.hasPrefix(other) == true {
            return .problem(
                "http and https do not match: public_url is \(url.origin), and the site sends to \(other)…",
                remedy: "set public_url to the address in the browser")
        }
        if answer.status >= 500 {
            return .problem(
                "the web server does not reach Postern (\(answer.status))",
                remedy: "does Postern run, and may the web server's user connect to its socket (listen_group)?")
        }
        return .problem(
            "\(url.text) is not answered by Postern (\(answer.status))",
            remedy: "hand \(settings.gate.prefix)/ to Postern: `postern snippet` prints how")
    }

    private func unreachable(_ url: EndpointURL, _ failure: ProviderFailure) -> Finding {
        let swapped = (url.isHTTPS ? "http://" : "https://") + url.text.split(separator: "//", maxSplits: 1)[1]
        // A server that speaks TLS says 400 to whoever does not.
        if let other = EndpointURL(swapped, allowsHTTP: true), let answer = try? site.fetch(other),
            answer.status < 500, answer.status != 400
        {
            return .problem(
                "http and https do not match: public_url is \(url.origin), and the site speaks \(other.origin)",
                remedy: "set public_url to the address in the browser")
        }
        return .problem(
            "\(url.origin) cannot be asked: \(failure)",
            remedy: "is public_url right, and its certificate? --connect ADDRESS:PORT and --ca-file help from inside")
    }

    // MARK: The way to sign in

    private func signIn() -> [Finding] {
        guard let callback = site.own("callback") else { return [] }
        do throws(ProviderFailure) {
            var findings: [Finding] = []
            for configured in settings.providers where configured.isForPeople && configured.hosts.isEmpty {
                let query = Query.encode([("provider", configured.provider.name)])
                guard let start = site.own("start?\(query)") else { continue }
                if let finding = sent(try site.visit(start), configured.provider) { findings.append(finding) }
            }
            return findings + [answered(try site.visit(callback), callback)]
        } catch {
            return [.problem("the way to sign in cannot be asked: \(error)", remedy: "see the web server's log")]
        }
    }

    private func sent(_ answer: ProbedSite.Answer, _ provider: Provider) -> Finding? {
        guard answer.status == 302, let location = answer.values("Location").first else {
            return .problem(
                "nobody can begin to sign in with \(provider.name) (\(answer.status))",
                remedy: "see the provider above, and Postern's log")
        }
        guard answer.values("Set-Cookie").contains(where: { $0.contains("postern-state-") }) else {
            return .problem(
                "the web server keeps Postern's Set-Cookie: no sign-in can end well",
                remedy: "remove what hides it (fastcgi_hide_header, Header unset)")
        }
        return ProviderExamination(site: site, settings: settings, provider: provider).accepts(location)
    }

    private func answered(_ answer: ProbedSite.Answer, _ callback: EndpointURL) -> Finding {
        if answer.status == 400, answer.values("Content-Security-Policy").count == 1 {
            return .good("the callback address \(callback.text) is answered by Postern")
        }
        return .problem(
            "the callback address \(callback.text) is not answered by Postern (\(answer.status)): wrong callback address",
            remedy: "hand all of \(settings.gate.prefix)/ to Postern, and set public_url to the address in the browser")
    }

    // MARK: The check

    private func checks() throws -> [Finding] {
        guard case .sqlite = settings.session.store else {
            return CheckExamination(site: site, settings: settings, person: person, probe: nil).findings()
                + [.unknown("session.store is memory: nobody can be signed in from here")]
        }
        let probe: ProbeSessions
        do throws(Assembly.Failure) {
            probe = try ProbeSessions(settings)
        } catch {
            throw Process.fail(error.description)
        }
        defer { probe.end() }
        return CheckExamination(site: site, settings: settings, person: person, probe: probe).findings()
    }
}
