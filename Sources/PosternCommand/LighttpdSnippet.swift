internal import Configuration

/// The configuration for lighttpd: mod_fastcgi asks, mod_magnet tells the application who it is.
struct LighttpdSnippet: ServerSnippet {
    enum Part: String, CaseIterable {
        /// At the top level, before other modules' configuration.
        case server
        /// The script of mod_magnet.
        case lua
    }

    private let prefix: String
    private let address: String
    private let headers: HeaderNames
    private let cookies: CookieNames

    init(_ source: SnippetSource) {
        prefix = source.settings.gate.prefix
        address = Self.address(source)
        headers = source.headers
        cookies = source.cookies
    }

    static func path(of part: Part) -> String {
        switch part {
        case .server: "conf-available/05-postern.conf"
        case .lua: "postern.lua"
        }
    }

    func text(_ part: Part) -> String {
        switch part {
        case .server: inServer
        case .lua: script
        }
    }

    private static func address(_ source: SnippetSource) -> String {
        guard source.socket == nil, let port = source.port, let colon = port.lastIndex(of: ":") else {
            return "\"socket\" => \"\(source.socket ?? "/run/postern/postern.sock")\""
        }
        return "\"host\" => \"\(port[..<colon])\", \"port\" => \(port[port.index(after: colon)...])"
    }

    private var inServer: String {
        """
        # Postern. (/etc/lighttpd/\(Self.path(of: .server)); lighty-enable-mod postern)
        # Needs: apt-get install lighttpd-modules-lua.
        # mod_fastcgi must be loaded before mod_proxy: lighttpd lets the first module that knows an address have it, and a
        # request that mod_proxy takes first is not checked. The name of this file, 05-…, sees to that.
        # A fastcgi.server in a later condition takes this one's place for its part of the site, and that part is not checked.
        server.modules += ( "mod_setenv", "mod_magnet", "mod_fastcgi" )

        # Who it is, told to the application; and what it must not see, taken out.
        magnet.attract-raw-url-to = ( "/etc/lighttpd/\(Self.path(of: .lua))" )

        $HTTP["url"] =~ "^\(prefix)/" {
            # Sign-in, callback, sign-out and the other pages of Postern.
            fastcgi.server = ( "\(prefix)" => ((
                \(address), "check-local" => "disable"
            )))
        } else {
            # The check. Its refusals are answers for people already: the way to sign in, or a page.
            setenv.add-environment = ( "POSTERN_PAGES" => "on" )
            fastcgi.server = ( "/" => ((
                \(address), "check-local" => "disable", "mode" => "authorizer"
            )))
        }

        """
    }

    /// What a client sent under these names is gone before the check. A program's own `Authorization` is for the check,
    /// and gone after it.
    private var scrubbed: [String] {
        headers.all.map { $0.lowercased() }.filter { $0 != "authorization" }
    }

    private var script: String {
        """
        -- Postern: who it is, told to the application, and what it must not see, taken out. (/etc/lighttpd/\(Self.path(of: .lua)))
        -- lighttpd runs this for each request twice: before the check, and after it has passed.
        local r = lighty.r

        -- The header of the application, and the variable that the check gives.
        local told = {
        \(headers.sent.map { "    [\"\($0)\"] = \"\(HeaderNames.variable(of: $0))\"," }.joined(separator: "\n"))
        }

        -- What only we say. A client may spell it with underscores or dots: CGI and FastCGI know no difference.
        local ours = {
        \(scrubbed.map { "    [\"\($0)\"] = true," }.joined(separator: "\n"))
        }

        local forged = {}
        for name in pairs(r.req_header) do
            local plain = name:lower():gsub("[^%w]", "-")
            if ours[plain] or plain == "x-forwarded-for" and name:lower() ~= plain then
                table.insert(forged, name)
            end
        end
        for _, name in ipairs(forged) do
            r.req_header[name] = nil
        end
        -- A tunnel of another protocol would not be checked any more.
        if (r.req_header["Upgrade"] or ""):lower() ~= "websocket" then
            r.req_header["Upgrade"] = nil
        end

        if r.req_env["POSTERN"] == "passed" then
            for name, variable in pairs(told) do
                r.req_header[name] = r.req_env[variable]
            end
            -- The application must not hold the key to the session.
            local kept = {}
            for pair in (r.req_header["Cookie"] or ""):gmatch("[^;]+") do
                local name = pair:match("^%s*([^=%s]*)")
                if name ~= "\(cookies.session)" and name:sub(1, \(cookies.prefix.utf8.count)) ~= "\(cookies.prefix)" then
                    table.insert(kept, (pair:gsub("^%s+", "")))
                end
            end
            r.req_header["Cookie"] = #kept > 0 and table.concat(kept, "; ") or nil
        end

        """
    }
}
