internal import Configuration
internal import Values

/// The nginx configuration to paste, made from the settings. nginx/ holds what the default settings give.
struct NginxSnippet {
    /// Where a part belongs.
    enum Part: String, CaseIterable {
        case http
        case server
        case protect
    }

    private let socket: String
    private let prefix: String
    private let headers: [String]
    private let cookieNames: [String]

    init(_ settings: Settings) {
        let listen = settings.listen.address
        socket =
            listen.hasPrefix("tcp:") ? String(listen.dropFirst(4)) : listen.hasPrefix("unix:") ? listen : Self.usual
        prefix = settings.gate.prefix
        headers = settings.identity.headers.map(\.name)
        let ours = settings.cookie.isSecure ? "__Host-postern" : "postern"
        cookieNames = [settings.cookie.name, "\(ours)-attempts", "\(ours)-state-[^=;]*"]
    }

    private static let usual = "unix:/run/postern/postern.sock"

    func text(_ part: Part) -> String {
        switch part {
        case .http: http
        case .server: server
        case .protect: protect
        }
    }

    // MARK: http

    private var http: String {
        """
        # Postern, part 1 of 3: inside http { }, once. (/etc/nginx/conf.d/postern.conf)

        upstream postern {
            server \(socket);
            keepalive 32;
        }

        # What the application gets to see of the Cookie header: all but Postern's own cookies.
        \(cookieMaps)

        map $http_upgrade $postern_connection {
            default upgrade;
            ""      "";
        }

        """
    }

    /// Each map takes one run of our cookies out. Should any be left after the last, no cookie is handed on.
    private var cookieMaps: String {
        let one = "(?:\(cookieNames.joined(separator: "|")))=[^;]*(?:;\\s*|$)"
        let runs = 8
        let maps = (1...runs).map { number in
            let source = number == 1 ? "$http_cookie" : "$postern_cookie_\(number - 1)"
            return """
                map \(source) $postern_cookie_\(number) {
                    "~^(?<postern_before_\(number)>|.*?;\\s*)(?:\(one))+(?<postern_after_\(number)>.*)$" "$postern_before_\(number)$postern_after_\(number)";
                    default \(source);
                }
                """
        }
        let last = """
            map $postern_cookie_\(runs) $postern_cookie {
                "~(?:^|;\\s*)(?:\(one))" "";
                default $postern_cookie_\(runs);
            }
            """
        return (maps + [last]).joined(separator: "\n")
    }

    // MARK: server

    private var server: String {
        """
        # Postern, part 2 of 3: inside server { }. (/etc/nginx/snippets/postern.conf)

        # The check. Its parameters are listed in full: a fastcgi_param of a location hides those of outside.
        location = /_postern/auth {
            internal;
            fastcgi_pass postern;
            fastcgi_pass_request_body off;
            # nginx keeps a connection of auth_request only where the answer is to be stored, and it stores a 200 alone:
            # Postern answers 204, so nothing is ever stored, and the path cannot be made.
            fastcgi_keep_conn on;
            fastcgi_store /nonexistent/postern/never;
            fastcgi_param POSTERN_ALLOW_STATUS 204;
            fastcgi_buffer_size 32k;
            fastcgi_buffers 4 32k;
            fastcgi_param POSTERN_HEADER_BYTES 32k;
            fastcgi_connect_timeout 2s;
            fastcgi_read_timeout 15s;
        \(parameters(location: "\(prefix)/auth", query: "\"\"", body: false))
        }

        # Postern's own pages.
        location ^~ \(prefix)/ {
            auth_request off;
            client_max_body_size 32k;
            fastcgi_pass postern;
            fastcgi_keep_conn on;
            fastcgi_connect_timeout 2s;
            fastcgi_read_timeout 15s;
        \(parameters(location: "$uri", query: "$query_string", body: true))
        }

        # Where a visitor goes who is not signed in: people to the provider and back, programs get a plain 401.
        location @postern_sign_in {
            auth_request off;
            fastcgi_pass postern;
            fastcgi_keep_conn on;
            fastcgi_pass_request_body off;
        \(parameters(location: "\(prefix)/start", query: "\"\"", body: false))
        }

        # The page for whoever is signed in and may not see this.
        location @postern_denied {
            auth_request off;
            fastcgi_pass postern;
            fastcgi_keep_conn on;
            fastcgi_pass_request_body off;
        \(parameters(location: "\(prefix)/denied", query: "\"\"", body: false))
        }

        # The identity headers below have many spellings.
        proxy_headers_hash_max_size 2048;
        proxy_headers_hash_bucket_size 128;

        """
    }

    /// SERVER_NAME is the name of this server { }, not the client's Host, which could be that of any other.
    private func parameters(location: String, query: String, body: Bool) -> String {
        [
            ("SCRIPT_NAME", location), ("DOCUMENT_URI", location), ("QUERY_STRING", query),
            ("REQUEST_METHOD", "$request_method"), ("REQUEST_URI", "$request_uri"), ("REMOTE_ADDR", "$remote_addr"),
            ("SERVER_NAME", "$server_name"), ("SERVER_PROTOCOL", "$server_protocol"), ("REQUEST_SCHEME", "$scheme"),
            ("HTTPS", "$https if_not_empty"), ("CONTENT_TYPE", body ? "$content_type" : "\"\""),
            ("CONTENT_LENGTH", body ? "$content_length" : "\"\""),
        ].map { "    fastcgi_param \($0) \($1);" }.joined(separator: "\n")
    }

    // MARK: protect

    private var protect: String {
        """
        # Postern, part 3 of 3: inside each location { } that is to be protected. (/etc/nginx/snippets/postern-protect.conf)
        # `return` and `rewrite` in such a location run before the check: use neither there.

        auth_request /_postern/auth;
        error_page 401 = @postern_sign_in;
        error_page 403 = @postern_denied;

        # Who it is. An empty value removes the header, so nobody can send one themselves.
        \(headers.map(identity).joined(separator: "\n"))

        # The same names in other spellings, which many applications take for the same, and names that are not in use.
        \(scrubbed)

        # What the application needs besides.
        proxy_set_header Cookie $postern_cookie;
        proxy_set_header Host $host;
        proxy_set_header X-Forwarded-For $remote_addr;
        proxy_set_header X-Forwarded-Proto $scheme;
        proxy_set_header X-Forwarded-Host $host;
        proxy_http_version 1.1;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection $postern_connection;

        """
    }

    private func identity(_ header: String) -> String {
        let name = header.lowercased().replacing("-", with: "_")
        return """
            auth_request_set $postern_\(name) $upstream_http_\(name);
            proxy_set_header \(header) $postern_\(name);
            """
    }

    private var scrubbed: String {
        let unused = Self.wellKnown.filter { name in !headers.contains { $0.lowercased() == name.lowercased() } }
        return (unused + (headers + unused).flatMap(Self.spellings)).map { "proxy_set_header \($0) \"\";" }
            .joined(separator: "\n")
    }

    private static let wellKnown = [
        "X-Auth-Request-User", "X-Auth-Request-Email", "X-Auth-Request-Groups", "X-Auth-Request-Preferred-Username",
        "X-Auth-Request-Access-Token", "X-Auth-Request-Assertion", "Remote-User", "Remote-Email", "Remote-Name",
        "Remote-Groups",
    ]

    /// The name with some or all of its hyphens as underscores.
    private static func spellings(_ name: String) -> [String] {
        let words = name.split(separator: "-").map(String.init)
        let hyphens = words.count - 1
        guard (1...6).contains(hyphens) else { return [] }
        return (1..<(1 << hyphens)).map { choice in
            words.enumerated().dropFirst().reduce(words[0]) { text, word in
                text + (choice >> (word.offset - 1) & 1 == 1 ? "_" : "-") + word.element
            }
        }
    }
}
