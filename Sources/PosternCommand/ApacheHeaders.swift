/// The lines, for both ways through Apache, that tell the application who it is and take out what it must not see.
struct ApacheHeaders: Sendable {
    let names: HeaderNames
    let cookies: CookieNames

    var lines: String {
        """
        # Who it is, in the words of the check; what a client sends under these names, or names like them, is taken out.
        # After an internal redirect that Apache does not check again the variables have another name.
        \(names.allSpellings.map { "RequestHeader unset \($0)" }.joined(separator: "\n"))
        \(names.sent.map(assignment).joined(separator: "\n"))

        # The application must not hold the key to the session. A redirect inside Apache is checked once more and needs it.
        RequestHeader edit* Cookie "(^|[;,][ \\t]*)\(cookies.pattern)[ \\t]*=[^;]*" "" "\(Self.isFinal)"
        RequestHeader edit Cookie "^[;,][ \\t]*" "" "\(Self.isFinal)"
        RequestHeader unset Cookie "expr=%{HTTP_COOKIE} == ''"
        """
    }

    private static let isFinal = "expr=!(%{HANDLER} in { 'redirect-handler', 'httpd/unix-directory' })"

    private func assignment(_ name: String) -> String {
        let variable = HeaderNames.variable(of: name)
        return ["REDIRECT_\(variable)", variable].map { "RequestHeader set \(name) \"%{\($0)}e\" env=\($0)" }
            .joined(separator: "\n")
    }
}
