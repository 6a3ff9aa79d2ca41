internal import Configuration

/// The configuration for Apache with mod_authnz_fcgi, which asks over loopback TCP, and mod_proxy_fcgi for the pages.
struct ApacheAuthnzSnippet: ServerSnippet {
    enum Part: String, CaseIterable {
        /// Outside of virtual hosts, once.
        case server
        /// Inside each `<VirtualHost>` with something to protect, first of all.
        case vhost
        /// Inside each `<Location>` to protect.
        case protect
    }

    private let prefix: String
    private let port: String
    private let socket: String?
    private let headers: ApacheHeaders
    private let tokens: String

    init(_ source: SnippetSource) throws(SnippetFailure) {
        guard let port = source.port else {
            throw SnippetFailure(
                description:
                    "mod_authnz_fcgi asks over TCP only; add an address, listen: [\(source.settings.listen.addresses.joined(separator: ", ")), tcp:127.0.0.1:9010]"
            )
        }
        self.port = port
        socket = source.socket
        prefix = source.settings.gate.prefix
        headers = ApacheHeaders(names: source.headers, cookies: source.cookies)
        tokens = ApacheText.tokens(source.settings)
    }

    static func path(of part: Part) -> String {
        switch part {
        case .server: "conf-available/postern.conf"
        case .vhost: "postern/vhost.conf"
        case .protect: "postern/protect.conf"
        }
    }

    func text(_ part: Part) -> String {
        switch part {
        case .server: inServer
        case .vhost: inVirtualHost
        case .protect: inLocation
        }
    }

    private var inServer: String {
        """
        # Postern: once, outside of virtual hosts. (/etc/apache2/\(Self.path(of: .server)))
        # Needs: a2enmod authnz_fcgi proxy proxy_fcgi headers; a2enconf postern.

        AuthnzFcgiDefineProvider authnz postern fcgi://\(port)/

        """
    }

    private var inVirtualHost: String {
        """
        # Postern: inside <VirtualHost>, before any other ProxyPass. (/etc/apache2/\(Self.path(of: .vhost)))

        # `hosts` in rules is compared with ServerName, which Apache chose, and not with what the client says.
        UseCanonicalName On

        # It would show what only the application is told.
        TraceEnable Off

        # Sign-in, callback, sign-out and the other pages of Postern.
        ProxyPass "\(prefix)/" "\(pages)"
        <Location \(prefix)/>
            Require all granted\(tokens.replacing("\n", with: "\n    "))
        </Location>

        """
    }

    private var pages: String {
        socket.map { "unix:\($0)|fcgi://postern\(prefix)/" } ?? "fcgi://\(port)\(prefix)/"
    }

    private var inLocation: String {
        """
        # Postern: inside <LocationMatch "^/(?!\(ApacheText.escaped(String(prefix.dropFirst())))/)"> for a whole site, or inside <Location /app>.
        # (/etc/apache2/\(Self.path(of: .protect)))
        # More may be asked for: `Require user alice` in place of `Require valid-user`. Without a Require that needs a user
        # Apache does not ask Postern at all. Somebody whom a rule lets in without a sign-in is called - here.

        AuthType Postern
        AuthName Postern
        AuthnzFcgiCheckAuthnProvider postern Authoritative On RequireBasicAuth Off UserExpr "%{reqenv:REMOTE_USER}" DefaultUser -
        Require valid-user\(tokens)
        <IfModule access_compat_module>
            Satisfy All
        </IfModule>

        # People are sent to sign in, or shown that they may not see this; programs get the 401 or 403.
        ErrorDocument 401 \(prefix)/start
        ErrorDocument 403 \(prefix)/denied

        \(headers.lines)

        """
    }
}
