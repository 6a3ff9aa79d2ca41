internal import Configuration

/// The nginx configuration to paste: three parts for three places.
struct NginxSnippet: ServerSnippet {
    enum Part: String, CaseIterable {
        /// Inside `http {}`, once.
        case http
        /// Inside each `server {}` with something to protect.
        case server
        /// Inside each `location {}` to protect.
        case protect
    }

    private let server: String
    private let prefix: String
    private let cookies: NginxCookies
    private let headers: NginxHeaders
    /// Whether nginx may reuse answers.
    private let isCached: Bool
    private let takesTokens: Bool

    init(_ source: SnippetSource) {
        server = Self.server(source)
        prefix = source.settings.gate.prefix
        cookies = NginxCookies(names: source.cookies)
        headers = NginxHeaders(names: source.headers)
        isCached = source.settings.gate.answerCache > 0
        takesTokens = source.settings.takesAccessTokens
    }

    func text(_ part: Part) -> String {
        switch part {
        case .http: inHTTP
        case .server: inServer
        case .protect: inLocation
        }
    }

    /// Where Debian's nginx looks for the part.
    static func path(of part: Part) -> String {
        switch part {
        case .http: "conf.d/postern.conf"
        case .server: "snippets/postern.conf"
        case .protect: "snippets/postern-protect.conf"
        }
    }

    /// The upstream's address. Sockets that are handed over have none in our settings: the operator fills it in.
    private static func server(_ source: SnippetSource) -> String {
        if let path = source.socket { return quoted("unix:\(path)") }
        return source.port ?? "unix:/run/postern/postern.sock"
    }

    private static func quoted(_ text: String) -> String {
        let isPlain = text.utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                || "-_./:".utf8.contains(byte)
        }
        return isPlain ? text : "\"\(text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\""))\""
    }
}

// MARK: - The parts

extension NginxSnippet {
    private var inHTTP: String {
        """
        # Postern: inside http {}, once. (/etc/nginx/\(Self.path(of: .http)))

        upstream postern {
            server \(server);
            keepalive 32;                       # connections to Postern are kept
        }

        # WebSockets are passed on, and no other protocol: what comes through its tunnel would not be checked. Other requests
        # may share a kept connection to the application.
        map $http_upgrade $postern_upgrade {
            default         "";
            ~*^websocket$   websocket;
        }
        map $postern_upgrade $postern_connection {
            default  upgrade;
            ""       "";
        }

        # As the browser wrote it, with its port.
        map $http_host $postern_host {
            default  $http_host;
            ""       $host;
        }

        # Groups that a location asks for besides the rules, any of them: `set $postern_allowed_groups staff,ops;` in it.
        map "" $postern_allowed_groups {
            default  "";
        }
        map $postern_allowed_groups $postern_demand {
            volatile;
            default  allowed_groups=$postern_allowed_groups;
            ""       "";
        }
        \(isCached ? cacheZone : "")
        # The Cookie field without Postern's own cookies: the application must not hold the key to the session.
        \(cookies.maps)
        """ + "\n"
    }

    private var inServer: String {
        """
        # Postern: inside server {}. (/etc/nginx/\(Self.path(of: .server)))
        # Nothing is included: Debian's fastcgi_params would send some parameters twice.

        # The check. Nobody can ask for it from outside: its answer holds the identity headers.
        location = \(prefix)/auth { return 404; }
        location = /_postern/auth {
            internal;
            fastcgi_pass postern;

        \(isCached ? reusingAnswers : keepingConnections)

            # Room for identity headers; Postern refuses what would not fit. Both numbers are the same.
            fastcgi_buffer_size 32k;
            fastcgi_buffers 4 32k;
            fastcgi_param POSTERN_HEADER_BYTES 32k;

            fastcgi_connect_timeout 2s;
            fastcgi_read_timeout 15s;
            fastcgi_intercept_errors off;
            fastcgi_pass_request_body off;
            fastcgi_pass_request_headers off;   # of what the client says, a check needs only the HTTP_ fields below

            # SERVER_NAME is what `hosts` in rules is compared with: the first server_name of this block, and so the
            # site that nginx chose. $host would be the client's word. Give sites with rules of their own a server
            # block each.
            fastcgi_param SERVER_NAME $server_name;
            fastcgi_param SCRIPT_NAME \(prefix)/auth;
            fastcgi_param REQUEST_METHOD $request_method;
            fastcgi_param REQUEST_URI $request_uri;
            fastcgi_param QUERY_STRING $postern_demand;
            fastcgi_param CONTENT_LENGTH "";
            fastcgi_param REMOTE_ADDR $remote_addr;
            fastcgi_param SERVER_PROTOCOL $server_protocol;
            fastcgi_param REQUEST_SCHEME $scheme;
            fastcgi_param HTTPS $https if_not_empty;
            fastcgi_param HTTP_COOKIE $http_cookie if_not_empty;
            fastcgi_param HTTP_X_FORWARDED_FOR $http_x_forwarded_for if_not_empty;\(tokens)
        }

        # Sign-in, callback, sign-out and the other pages of Postern.
        location ^~ \(prefix)/ {
            auth_request off;
            client_max_body_size 16k;
            fastcgi_param SCRIPT_NAME $uri;
            fastcgi_param QUERY_STRING $query_string;
            fastcgi_param CONTENT_TYPE $content_type;
            fastcgi_param CONTENT_LENGTH $content_length;
        \(pages)
        }

        # Instead of a 401: people are sent to sign in and return to what they asked for, programs get the 401.
        location @postern_sign_in {
            auth_request off;
            fastcgi_pass_request_body off;
            fastcgi_param SCRIPT_NAME \(prefix)/start;
            fastcgi_param QUERY_STRING "";
            fastcgi_param CONTENT_LENGTH "";
        \(pages)
        }

        # Instead of a 403: a page that says who is signed in and how to change that.
        location @postern_denied {
            auth_request off;
            fastcgi_pass_request_body off;
            fastcgi_param SCRIPT_NAME \(prefix)/denied;
            fastcgi_param QUERY_STRING "";
            fastcgi_param CONTENT_LENGTH "";
        \(pages)
        }
        """ + "\n"
    }

    /// What programs bring instead of a session.
    private var tokens: String {
        takesTokens ? "\n    fastcgi_param HTTP_AUTHORIZATION $http_authorization if_not_empty;" : ""
    }

    private var keepingConnections: String {
        """
            # nginx closes the connection after each auth_request unless the answer is stored. Postern is asked to say
            # 204 instead of 200, and only a 200 would be stored: so connections are kept and nothing is ever written.
            fastcgi_keep_conn on;
            fastcgi_store /nonexistent/postern/never;
            fastcgi_param POSTERN_ALLOW_STATUS 204;
            fastcgi_cache off;
        """
    }

    /// A header field holds no line end and an address no blank, so no two questions have one key.
    private var reusingAnswers: String {
        """
            # Answers that let somebody pass are given again to the same question, as long as Postern says (answer_cache).
            # All that Postern hears stands in the key: whoever differs in any of it, the cookie above all, asks anew.
            fastcgi_keep_conn on;
            fastcgi_cache postern;
            fastcgi_cache_key "$request_method $scheme $server_name $remote_addr $request_uri\\n$postern_demand\\n$http_x_forwarded_for\\n$http_cookie\(takesTokens ? "\\n$http_authorization" : "")";
            fastcgi_cache_methods GET HEAD POST;
            fastcgi_cache_lock off;
            fastcgi_cache_use_stale off;
            fastcgi_cache_background_update off;
            fastcgi_cache_revalidate off;
            # Not what the rest of the server says about its own pages.
            fastcgi_cache_valid any 0;
            fastcgi_ignore_headers X-Accel-Limit-Rate;
            fastcgi_cache_bypass "";
            fastcgi_no_cache "";
            fastcgi_store off;
        """
    }

    private var cacheZone: String {
        """

        # Answers of the check, for as long as answer_cache says. Their files hold identity headers: nobody else reads them.
        fastcgi_cache_path /var/lib/nginx/postern-answers levels=1:2 keys_zone=postern:10m max_size=64m inactive=1m use_temp_path=off;

        """
    }

    /// What the locations that answer people have in common.
    private var pages: String {
        """
            fastcgi_pass postern;
            fastcgi_keep_conn on;
            fastcgi_cache off;
            fastcgi_store off;
            fastcgi_buffer_size 32k;
            fastcgi_buffers 4 32k;
            fastcgi_connect_timeout 2s;
            fastcgi_read_timeout 30s;
            fastcgi_intercept_errors off;
            fastcgi_param SERVER_NAME $server_name;
            fastcgi_param REQUEST_METHOD $request_method;
            fastcgi_param REQUEST_URI $request_uri;
            fastcgi_param REMOTE_ADDR $remote_addr;
            fastcgi_param SERVER_PROTOCOL $server_protocol;
            fastcgi_param REQUEST_SCHEME $scheme;
            fastcgi_param HTTPS $https if_not_empty;
        """
    }

    private var inLocation: String {
        """
        # Postern: inside a location {} with a proxy_pass. (/etc/nginx/\(Self.path(of: .protect)))
        # Include it in the location itself. nginx forgets every proxy_set_header of the levels above as soon as a location
        # has one of its own, and then what a client sends as X-Auth-Request-User would reach the application.
        # Host, X-Forwarded-…, Upgrade, Connection and Cookie are set here: leave out other lines that set them
        # (proxy_params too), because nginx would send both. `return` and `rewrite` run before the check: use neither here.

        auth_request /_postern/auth;
        error_page 401 = @postern_sign_in;
        error_page 403 = @postern_denied;

        proxy_http_version 1.1;
        proxy_set_header Host $postern_host;
        proxy_set_header X-Forwarded-For $remote_addr;
        proxy_set_header X-Forwarded-Proto $scheme;
        proxy_set_header X-Forwarded-Host $postern_host;
        proxy_set_header Upgrade $postern_upgrade;
        proxy_set_header Connection $postern_connection;
        proxy_set_header Cookie $postern_cookie;

        \(headers.lines)
        """ + "\n"
    }
}
