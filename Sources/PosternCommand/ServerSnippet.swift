internal import Configuration

/// A web server's configuration to paste, made from the settings. The folders nginx/, apache/ and lighttpd/ hold what
/// the default settings give.
protocol ServerSnippet {
    /// One for each place where a piece of it goes.
    associatedtype Part: CaseIterable & RawRepresentable<String>

    init(_ source: SnippetSource) throws(SnippetFailure)
    func text(_ part: Part) -> String
    /// Where Debian's package of the web server looks for the part, below its folder in /etc.
    static func path(of part: Part) -> String
}

/// What a snippet is made from.
struct SnippetSource {
    let settings: Settings
    /// The file that the settings are from, and the program, by their absolute paths.
    let configuration: String
    let program: String

    var cookies: CookieNames {
        CookieNames(session: settings.cookie.name, isSecure: settings.cookie.isSecure)
    }

    var headers: HeaderNames {
        HeaderNames(sent: settings.identity.headers.map(\.name))
    }

    /// The path of the Unix socket, if we listen on one.
    var socket: String? { first("unix:") }

    /// `ADDRESS:PORT`, if we listen on one.
    var port: String? { first("tcp:") }

    private func first(_ kind: String) -> String? {
        settings.listen.addresses.first { $0.utf8.starts(with: kind.utf8) }.map {
            String($0.dropFirst(kind.utf8.count))
        }
    }
}

/// Why there is no such configuration for these settings, and what to do.
struct SnippetFailure: Error, CustomStringConvertible {
    let description: String
}
