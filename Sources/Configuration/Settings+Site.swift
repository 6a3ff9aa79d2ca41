internal import HTTPTypes
internal import Values
internal import Web

/// The site, its cookies and its identity headers.
extension Reader {
    func site() -> SiteSettings? {
        let prefix = text("prefix") ?? ""
        if !isPath(prefix) || prefix.hasSuffix("/") {
            problems.add(place("prefix"), "prefix is a path such as /oauth2")
        }
        if duration("answer_cache") == 1 {
            problems.add(
                place("answer_cache"), "answer_cache of 1s does nothing, nginx counts whole seconds; use 2s or 0")
        }
        let proxies = list("trusted_proxies").compactMap { entry -> Network? in
            let network = Network(entry.text.utf8)
            if network == nil {
                problems.add(entry.place, "\(entry.text) is no network; write 10.0.0.0/8 or an address")
            }
            return network
        }
        guard let url = publicURL() else { return nil }
        return SiteSettings(
            publicURL: url, prefix: prefix, returnHosts: list("return_hosts").compactMap(returnHost),
            trustedProxies: proxies, answerCache: duration("answer_cache"),
            clearedCookies: list("clear_cookies").compactMap(cookieName))
    }

    private func publicURL() -> EndpointURL? {
        guard let text = text("public_url") else {
            problems.add(place("public_url"), "public_url is missing; `public_url: https://app.example.com`")
            return nil
        }
        guard let url = EndpointURL(text, allowsHTTP: true), ["", "/"].contains(url.pathAndQuery) else {
            problems.add(place("public_url"), "public_url is https://HOST or https://HOST:PORT, without a path")
            return nil
        }
        if !url.isHTTPS, !truth("cookie.insecure") {
            problems.add(place("public_url"), "public_url is not https; for a trial set cookie: {insecure: true}")
        }
        return url
    }

    private func returnHost(_ entry: (text: String, place: Place)) -> String? {
        let name = entry.text.utf8.first == UInt8(ascii: ".") ? entry.text.dropFirst() : entry.text[...]
        guard isHost(name) else {
            problems.add(
                entry.place, "\(entry.text) is no host; write app2.example.com, or .example.com for all below it")
            return nil
        }
        return entry.text
    }

    private func isHost(_ name: Substring) -> Bool {
        name.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).allSatisfy { label in
            !label.isEmpty && label.allSatisfy(\.isWordByte)
        }
    }

    private func isPath(_ text: String) -> Bool {
        text.hasPrefix("/") && text.count > 1
            && text.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                    || "-_./".utf8.contains(byte)
            } && !text.contains("//") && !text.contains("/.")
    }

    // MARK: Cookies

    func cookie() -> SessionCookieSettings {
        let isInsecure = truth("cookie.insecure")
        if isInsecure {
            warnings.add(place("cookie.insecure"), "cookie.insecure is on: cookies travel over plain http")
        }
        let domain = text("cookie.domain").flatMap { $0.isEmpty ? nil : $0 }
        let path = text("cookie.path") ?? "/"
        checkReturnHosts(domain)
        let sameSite = choice("cookie.same_site").flatMap { SetCookie.SameSite(rawValue: $0.capitalizedASCII) } ?? .lax
        checkCookiePath(path)
        if let domain { checkCookieDomain(domain) }
        switch sameSite {
        case .none where isInsecure:
            problems.add(
                place("cookie.same_site"), "browsers drop a cookie of same_site: none that is not secure; use lax")
        case .none:
            warnings.add(
                place("cookie.same_site"),
                "cookie.same_site is none: other sites' requests carry the session; lax keeps it from them")
        case .strict:
            warnings.add(
                place("cookie.same_site"),
                "cookie.same_site is strict: browsers leave the cookie out when they come back from the provider; lax works"
            )
        default: break
        }
        let name = sessionCookieName(isInsecure, domain, path)
        for entry in list("clear_cookies") where entry.text.utf8.elementsEqual(name.utf8) {
            problems.add(entry.place, "\(name) is the session's cookie: nobody could sign in; leave it out")
        }
        return SessionCookieSettings(
            name: name, domain: domain, path: path, sameSite: sameSite,
            isSecure: !isInsecure)
    }

    /// A session cookie without a domain is known to one host only.
    private func checkReturnHosts(_ domain: String?) {
        guard domain == nil, isSet("return_hosts") else { return }
        warnings.add(
            place("return_hosts"),
            "return_hosts without cookie.domain: people are sent there, but whoever is protected there needs the cookie, too"
        )
    }

    private func checkCookiePath(_ path: String) {
        guard path != "/" else { return }
        guard isPath(path) else { return problems.add(place("cookie.path"), "cookie.path is a path such as /") }
        let prefix = text("prefix") ?? ""
        let stem = path.hasSuffix("/") ? path : path + "/"
        guard !(prefix + "/").utf8.starts(with: stem.utf8) else { return }
        problems.add(place("cookie.path"), "cookie.path must hold prefix, \(prefix), or nobody can sign out; use /")
    }

    private func checkCookieDomain(_ domain: String) {
        guard isHost(domain[...]) else {
            return problems.add(place("cookie.domain"), "cookie.domain is a host name such as example.com")
        }
        guard let host = text("public_url").flatMap({ EndpointURL($0, allowsHTTP: true) })?.host else { return }
        let wanted = domain.lowercased()
        guard host.utf8.elementsEqual(wanted.utf8) || host.hasSuffix("." + wanted) else {
            return problems.add(
                place("cookie.domain"),
                "cookie.domain must be the host of public_url or end it: browsers drop the cookie")
        }
    }

    /// `__Host-` means Secure, Path=/ and no Domain: a browser drops the cookie otherwise.
    private func sessionCookieName(_ isInsecure: Bool, _ domain: String?, _ path: String) -> String {
        let name = text("cookie.name") ?? ""
        guard isSet("cookie.name") else {
            let isWide = domain != nil || path != "/"
            return isInsecure ? "postern" : isWide ? "__Secure-postern" : name
        }
        _ = cookieName((name, place("cookie.name")))
        if name.hasPrefix("__Secure-"), isInsecure {
            problems.add(
                place("cookie.name"), "browsers drop a cookie named __Secure-… that is not secure; name it otherwise")
        } else if name.hasPrefix("__Host-"), isInsecure || domain != nil || path != "/" {
            problems.add(
                place("cookie.name"),
                "browsers drop a cookie named __Host-… unless it is secure, of path / and without a domain; name it otherwise"
            )
        } else if !name.hasPrefix("__"), !isInsecure, domain == nil, path == "/" {
            warnings.add(
                place("cookie.name"), "cookie.name without __Host-: other hosts of the domain can plant such a cookie")
        }
        return name
    }

    private func cookieName(_ entry: (text: String, place: Place)) -> String? {
        guard HTTPField.Name(entry.text) != nil else {
            problems.add(entry.place, "\(entry.text) is no name of a cookie")
            return nil
        }
        let bare = entry.text.hasPrefix("__Host-") ? entry.text.dropFirst(7) : entry.text[...]
        if bare == "postern-attempts" || bare.hasPrefix("postern-state-") {
            problems.add(entry.place, "\(entry.text) is a cookie that Postern uses while people sign in; name another")
        }
        return entry.text
    }

    // MARK: Identity headers

    func identity() -> IdentityHeaderSettings {
        var headers = [
            ("X-Auth-Request-User", "user"), ("X-Auth-Request-Email", "email"), ("X-Auth-Request-Groups", "groups"),
            ("X-Auth-Request-Preferred-Username", "preferred_username"),
        ]
        if truth("identity.remote_headers") {
            headers += [
                ("Remote-User", "user"), ("Remote-Email", "email"), ("Remote-Name", "claim:name"),
                ("Remote-Groups", "groups"),
            ]
        }
        if truth("identity.access_token") { headers.append(("X-Auth-Request-Access-Token", "access_token")) }
        for (name, source, place) in map("identity.headers") {
            guard isIdentityHeader(name, place) else { continue }
            if source.isEmpty { problems.add(place, "\(name) holds nothing; name user, email, groups or a claim") }
            let known = ["user", "email", "groups", "preferred_username"].contains(source)
            headers.removeAll { $0.0.utf8.map(\.asciiLowercased) == name.utf8.map(\.asciiLowercased) }
            headers.append((name, known ? source : "claim:\(source)"))
        }
        let assertion = assertion()
        if let name = assertion?.header {
            let place = place("identity.assertion.header")
            if headers.contains(where: { $0.0.utf8.map(\.asciiLowercased) == name.utf8.map(\.asciiLowercased) }) {
                problems.add(place, "\(name) says something else already; give the assertion a header of its own")
            }
            headers.append((name, "assertion"))
        }
        return IdentityHeaderSettings(
            headers: headers.map { (name: $0.0, source: $0.1) }, assertion: assertion)
    }

    func isIdentityHeader(_ name: String, _ place: Place) -> Bool {
        let lower = name.lowercased()
        let isWord = !name.isEmpty && name.utf8.allSatisfy { $0.isWordByte && $0 != UInt8(ascii: "_") }
        let isFamily = Self.reservedFamilies.contains { lower.hasPrefix($0) }
        guard isWord, name.utf8.count <= 64, !Self.reserved.contains(lower), !isFamily else {
            problems.add(
                place, "\(name) cannot be an identity header; use letters, digits and hyphens, such as X-Department")
            return false
        }
        return true
    }

    /// Fields that steer an answer, a connection or a web server.
    private static let reserved: Set<String> = [
        "status", "location", "set-cookie", "cookie", "host", "connection", "keep-alive", "te", "trailer", "upgrade",
        "transfer-encoding", "cache-control", "pragma", "expires", "date", "server", "vary", "etag", "last-modified",
        "age",
        "allow", "range", "expect", "refresh", "retry-after", "authorization", "www-authenticate", "proxy", "forwarded",
        "origin", "referer", "user-agent", "from", "via", "postern",
        // As variables of an authorizer these are Apache's and lighttpd's own (RFC 3875, section 4.1).
        "auth-type", "gateway-interface", "path-info", "path-translated", "path", "query-string", "remote-addr",
        "remote-host", "remote-ident", "remote-port", "request-method", "request-uri", "script-name",
        "script-filename", "document-root", "https",
        // By these some applications take another path.
        "x-original-url", "x-rewrite-url",
    ]
    private static let reservedFamilies = [
        "content-", "accept", "if-", "proxy-", "sec-", "x-accel-", "x-forwarded-", "x-sendfile", "variable-",
        "access-control-", "server-", "redirect-", "http-",
    ]
}

extension String {
    fileprivate var capitalizedASCII: String { prefix(1).uppercased() + dropFirst() }
}
