internal import Values
package import Web

/// What is asked for: the question a policy answers.
package struct Resource: Sendable {
    /// Lower case, without the dot that may end a name. Empty when the web server did not say.
    package let host: ArraySlice<UInt8>
    package let path: ResourcePath
    /// As on the wire: methods have case (RFC 9110, section 9.1). Empty when the web server did not say.
    package let method: ArraySlice<UInt8>
    /// Who is connected to the web server; `nil` when unknown or unreadable.
    package let address: IPAddress?

    /// `host` is `SERVER_NAME`: the site that the web server chose, not what the client typed.
    package init(host: ArraySlice<UInt8>, path: ResourcePath, method: ArraySlice<UInt8>, address: IPAddress?) {
        self.host = Self.normalized(host: host)
        self.path = path
        self.method = method
        self.address = address
    }

    /// A name of a site as it is compared.
    package static func normalized(host: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        let name = host.last == UInt8(ascii: ".") ? host.dropLast() : host
        return name.contains { $0 != $0.asciiLowercased } ? name.map(\.asciiLowercased)[...] : name
    }

    /// The same from text, for a question that no request asked.
    package init(host: String, path: ResourcePath, method: String, address: IPAddress?) {
        self.init(host: Array(host.utf8)[...], path: path, method: Array(method.utf8)[...], address: address)
    }
}
