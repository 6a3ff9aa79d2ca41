internal import Values
package import Web

/// What is asked for: the question a policy answers.
package struct Resource: Sendable {
    /// Lower case, without the dot that may end a name. Empty when the web server did not say.
    package let host: [UInt8]
    package let path: ResourcePath
    /// As on the wire: methods have case (RFC 9110, section 9.1). Empty when the web server did not say.
    package let method: [UInt8]
    /// Who is connected to the web server; `nil` when unknown or unreadable.
    package let address: IPAddress?

    /// `host` is `SERVER_NAME`: the site that the web server chose, not what the client typed.
    package init(
        host: some Collection<UInt8>, path: ResourcePath, method: some Collection<UInt8>, address: IPAddress?
    ) {
        let host = Array(host).map(\.asciiLowercased)
        self.host = host.last == UInt8(ascii: ".") ? host.dropLast() : host
        self.path = path
        self.method = Array(method)
        self.address = address
    }
}
