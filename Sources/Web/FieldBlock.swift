internal import HTTPTypes

/// Header fields as they go on the wire, made once for an answer that is given again and again.
package struct FieldBlock: Sendable, Equatable {
    /// For each field its name, colon, space, value, CR and LF.
    package let bytes: [UInt8]

    package init(_ fields: [Field]) {
        bytes = fields.flatMap { Array("\($0.name.rawName): ".utf8) + $0.value + Array("\r\n".utf8) }
    }
}
