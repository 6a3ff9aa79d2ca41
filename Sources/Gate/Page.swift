internal import Crypto
internal import HTTPTypes
internal import Values
internal import Web

/// One page of ours: plain HTML that works without scripts, pictures or anything from elsewhere.
struct Page {
    /// Where to go on.
    struct Link {
        let label: Words
        let address: String

        init(_ label: Words, to address: String) {
            self.label = label
            self.address = address
        }
    }

    /// One button, and what is sent with it.
    struct Form {
        let action: String
        let button: Words
        let fields: [(name: String, value: String)]
    }

    let language: Language
    let message: Message
    var link: Link?
    var form: Form?
    /// Ways to go on, each a line of a list.
    var choices: [(label: String, address: String)] = []

    /// The page as HTML. Everything that is not our own text is escaped.
    var html: String {
        let (title, paragraphs) = message.text(in: language)
        let body = paragraphs.map { "<p>\(escape($0))</p>" }.joined(separator: "\n")
        return """
            <!doctype html>
            <html lang="\(language.rawValue)">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>\(escape(title))</title>
            <style>\(Self.style)</style>
            </head>
            <body>
            <main>
            <h1>\(escape(title))</h1>
            \(body)
            \(choicesHTML)\(formHTML)\(linkHTML)
            </main>
            </body>
            </html>

            """
    }

    private var choicesHTML: String {
        guard !choices.isEmpty else { return "" }
        let items = choices.map { "<li><a href=\"\(escape($0.address))\">\(escape($0.label))</a></li>" }
        return "<ul>\(items.joined(separator: "\n"))</ul>"
    }

    private var linkHTML: String {
        guard let link else { return "" }
        return "<p><a href=\"\(escape(link.address))\">\(escape(link.label.text(in: language)))</a></p>"
    }

    private var formHTML: String {
        guard let form else { return "" }
        let inputs = form.fields.map {
            "<input type=\"hidden\" name=\"\(escape($0.name))\" value=\"\(escape($0.value))\">"
        }
        return "<form method=\"post\" action=\"\(escape(form.action))\">\(inputs.joined())"
            + "<button>\(escape(form.button.text(in: language)))</button></form>"
    }

    private func escape(_ text: String) -> String {
        String(
            decoding: text.utf8.flatMap { byte -> [UInt8] in
                switch byte {
                case UInt8(ascii: "&"): Array("&amp;".utf8)
                case UInt8(ascii: "<"): Array("&lt;".utf8)
                case UInt8(ascii: ">"): Array("&gt;".utf8)
                case UInt8(ascii: "\""): Array("&quot;".utf8)
                case UInt8(ascii: "'"): Array("&#39;".utf8)
                default: byte.isASCIIControl ? [0x20] : [byte]
                }
            }, as: UTF8.self)
    }

    private static let style =
        "body{font:1.1rem/1.6 system-ui,sans-serif;margin:0;color:#1b1b1b;background:#fafafa}"
        + "main{max-width:34rem;margin:12vh auto;padding:0 1.5rem}h1{font-size:1.5rem;line-height:1.3}"
        + "ul{list-style:none;padding:0}li{margin:.6rem 0}li a{display:block;padding:.7rem 1rem;border:1px solid;"
        + "border-radius:.4rem;text-decoration:none}"
        + "a,button{font:inherit;color:#0b57d0}button{color:#fff;background:#0b57d0;border:0;border-radius:.4rem;"
        + "padding:.6rem 1.2rem;cursor:pointer}a:focus-visible,button:focus-visible{outline:3px solid #f9ab00}"
        + "@media(prefers-color-scheme:dark){body{color:#eee;background:#1b1b1b}a{color:#8ab4f8}}"

    /// Nothing but our one style sheet, named by its hash. A form may lead on to the provider, because browsers hold
    /// `form-action` against the redirect that follows, too.
    static let contentSecurityPolicy: [UInt8] = {
        let hash = Base64.encode(SHA256.hash(data: Array(style.utf8)))
        return Array(
            ("default-src 'none'; style-src 'sha256-\(hash)'; form-action 'self' https:; frame-ancestors 'none'; "
                + "base-uri 'none'").utf8)
    }()
}

extension Gate {
    /// An answer that is a page, in the visitor's language.
    func page(
        _ status: HTTPResponse.Status, _ message: Message, for request: Request, link: Page.Link? = nil,
        form: Page.Form? = nil, choices: [(label: String, address: String)] = []
    ) -> Response {
        let page = Page(language: Language(of: request), message: message, link: link, form: form, choices: choices)
        let policy = Field(.contentSecurityPolicy, Page.contentSecurityPolicy)
        return Response(
            status,
            fields: [
                Field(.contentType, "text/html; charset=utf-8"), Field(.xContentTypeOptions, "nosniff"),
                Field(.frameOptions, "DENY"), Field(.referrerPolicy, "no-referrer"), Field(.vary, "Accept-Language"),
            ] + [policy].compactMap(\.self),
            body: Array(page.html.utf8))
    }
}

extension Response {
    static func text(_ status: HTTPResponse.Status, _ text: StaticString) -> Response {
        Response(
            status, fields: [Field(.contentType, "text/plain; charset=utf-8"), Field(.xContentTypeOptions, "nosniff")],
            body: Array(text.description.utf8))
    }

    static func json(_ status: HTTPResponse.Status, _ value: JSONValue) -> Response {
        Response(
            status, fields: [Field(.contentType, "application/json"), Field(.xContentTypeOptions, "nosniff")],
            body: Array((value.text + "\n").utf8))
    }
}

extension HTTPField.Name {
    static let frameOptions = HTTPField.Name("X-Frame-Options")!
}
