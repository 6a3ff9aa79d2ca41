internal import Configuration

/// The configuration for Apache with mod_fcgid: Apache starts Postern by itself.
struct ApacheFcgidSnippet: ServerSnippet {
    enum Part: String, CaseIterable {
        /// Outside of virtual hosts, once.
        case server
        /// Inside each `<VirtualHost>` with something to protect, first of all.
        case vhost
        /// Inside each `<Location>` to protect.
        case protect
        /// The script that keeps variables from the browser.
        case lua
    }

    private let prefix: String
    private let program: String
    private let configuration: String
    private let headers: ApacheHeaders
    private let tokens: String

    init(_ source: SnippetSource) {
        prefix = source.settings.gate.prefix
        program = source.program
        configuration = source.configuration
        headers = ApacheHeaders(names: source.headers, cookies: source.cookies)
        tokens = ApacheText.tokens(source.settings)
    }

    static func path(of part: Part) -> String {
        switch part {
        case .server: "conf-available/postern.conf"
        case .vhost: "postern/vhost.conf"
        case .protect: "postern/protect.conf"
        case .lua: "postern/variables.lua"
        }
    }

    func text(_ part: Part) -> String {
        switch part {
        case .server: inServer
        case .vhost: inVirtualHost
        case .protect: inLocation
        case .lua: script
        }
    }

    private var inServer: String {
        """
        # Postern, started by Apache itself: once, outside of virtual hosts. (/etc/apache2/\(Self.path(of: .server)))
        # Needs: a2enmod fcgid headers lua; a2enconf postern. Postern runs as Apache's user here: that user must be able to
        # read postern.yaml and its secrets, and to write the folder of session.store and session.key_file.

        # Checks. A process answers one at a time.
        FcgidCmdOptions \(program) InitialEnv POSTERN_CONFIG=\(configuration) InitialEnv SWIFT_BACKTRACE=enable=no MinProcesses 2 MaxProcesses 16 MaxRequestsPerProcess 0 MaxProcessLifeTime 0 IOTimeout 20

        # Pages have processes of their own, with mod_fcgid's usual limits: who waits for the provider holds up no check.
        FcgidInitialEnv POSTERN_CONFIG \(configuration)
        FcgidInitialEnv SWIFT_BACKTRACE enable=no

        """
    }

    private var inVirtualHost: String {
        """
        # Postern: inside <VirtualHost>, before any ProxyPass. (/etc/apache2/\(Self.path(of: .vhost)))

        # `hosts` in rules is compared with ServerName, which Apache chose, and not with what the client says.
        UseCanonicalName On

        # It would show what only the application is told.
        TraceEnable Off

        # Sign-in, callback, sign-out and the other pages of Postern.
        <IfModule proxy_module>
            ProxyPass \(prefix)/ !
        </IfModule>
        AliasMatch "^\(ApacheText.escaped(prefix))/[a-z_.]*$" \(program)
        <Location \(prefix)/>
            SetHandler fcgid-script
            FcgidWrapper "\(program) serve"
            Options +ExecCGI
            Require all granted\(tokens.replacing("\n", with: "\n    "))
        </Location>

        """
    }

    private var inLocation: String {
        """
        # Postern: inside <LocationMatch "^/(?!\(ApacheText.escaped(String(prefix.dropFirst())))/)"> for a whole site, or inside <Location /app>.
        # (/etc/apache2/\(Self.path(of: .protect)))

        FcgidAccessChecker \(program)
        FcgidAccessCheckerAuthoritative On\(tokens)
        <IfModule access_compat_module>
            Satisfy All
        </IfModule>

        # mod_fcgid makes a 401 of every refusal: people are sent to sign in, or shown why that would not help.
        ErrorDocument 401 \(prefix)/start

        # mod_fcgid sends the variables of the check to the browser, too; this takes them out, of errors and redirects as well.
        LuaScope thread
        LuaHookFixups /etc/apache2/\(Self.path(of: .lua)) strip

        \(headers.lines)

        """
    }

    private var script: String {
        """
        -- Postern: keeps what the check says of a person from the browser. (/etc/apache2/\(Self.path(of: .lua)))
        local variables = {
            "REMOTE_USER",
        \(headers.names.sent.map { "    \"\(HeaderNames.variable(of: $0))\"," }.joined(separator: "\n"))
        }

        function strip(r)
            for _, name in ipairs(variables) do
                r.err_headers_out["Variable-" .. name] = nil
            end
            return apache2.DECLINED
        end

        """
    }
}

/// Text inside Apache's configuration.
enum ApacheText {
    /// A path as a regular expression for itself.
    static func escaped(_ path: String) -> String {
        path.replacing(".", with: "\\.")
    }

    /// Apache keeps `Authorization` to itself unless it is told not to.
    static func tokens(_ settings: Settings) -> String {
        settings.takesAccessTokens ? "\nCGIPassAuth On" : ""
    }
}
