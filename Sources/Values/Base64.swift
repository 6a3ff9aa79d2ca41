internal import FoundationEssentials

/// Base64 with padding (RFC 4648, section 4), where other programs want that.
package enum Base64 {
    package static func encode(_ bytes: some Sequence<UInt8>) -> String {
        Data(bytes).base64EncodedString()
    }

    /// `nil` for what is not such a text.
    package static func decode(_ text: [UInt8]) -> [UInt8]? {
        Data(base64Encoded: Data(text)).map { Array($0) }
    }
}
