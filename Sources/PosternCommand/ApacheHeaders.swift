/// The lines, for both ways through Apache, that tell the application who it is and take out what it must not see.
struct ApacheHeaders: Sendable {
    let names: HeaderNames
    let cookies: CookieNames

    var lines: String {
        """
        # Who it is, in the words of the check; what a client sends under these names, or names like them, is taken out.
        # After an internal redirect that Apache does not check again the variables have another name.
        \(names.allSpellings.map(removal).joined(separator: "\n"))
        \(names.sent.map(assignment).joined(separator: "\n"))

        # Nor may a client have them taken out again: what stands in Connection is not passed on.
        RequestHeader unset Connection "expr=req_novary('Connection') !~ /^([ \\t,]*(close|keep-alive|upgrade|te|http2-settings))*[ \\t,]*$/i"
        # A tunnel of another protocol than WebSocket would not be checked any more.
        RequestHeader unset Upgrade "expr=req_novary('Upgrade') !~ /^websocket$/i"

        # The application must not hold the key to the session. A redirect inside Apache is checked once more and needs it.
        RequestHeader edit* Cookie "(^|[;,][ \\t]*)\(cookies.pattern)[ \\t]*=[^;]*" "" "\(Self.isFinal)"
        RequestHeader edit Cookie "^[;,][ \\t]*" "" "\(Self.isFinal)"
        RequestHeader unset Cookie "expr=%{HTTP_COOKIE} == ''"
        """
    }

    private static let isFinal = "expr=!(%{HANDLER} in { 'redirect-handler', 'httpd/unix-directory' })"

    /// What the check itself reads stays until it is the last one, like the cookie: a program's token.
    private func isForCheck(_ name: String) -> Bool { name.lowercased() == "authorization" }

    private func removal(_ name: String) -> String {
        "RequestHeader unset \(name)" + (isForCheck(name) ? " \"\(Self.isFinal)\"" : "")
    }

    private func assignment(_ name: String) -> String {
        let variable = HeaderNames.variable(of: name)
        return ["REDIRECT_\(variable)", variable].map { variable in
            let condition =
                isForCheck(name) ? "\"\(Self.isFinal) && -n reqenv('\(variable)')\"" : "env=\(variable)"
            return "RequestHeader set \(name) \"%{\(variable)}e\" \(condition)"
        }.joined(separator: "\n")
    }
}
