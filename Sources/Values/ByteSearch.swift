internal import Glibc

/// Comparing and searching by the C library, which looks at many bytes at once.
extension Span where Element == UInt8 {
    /// Whether these are the same bytes.
    package func isSame(as other: Span<UInt8>) -> Bool {
        guard count == other.count else { return false }
        return unsafe withUnsafeBytes { one in
            unsafe other.withUnsafeBytes { other in
                guard let left = one.baseAddress, let right = other.baseAddress else { return true }
                return unsafe memcmp(left, right, one.count) == 0
            }
        }
    }

    /// Whether these begin with the same bytes.
    package func begins(with other: Span<UInt8>) -> Bool {
        count >= other.count && extracting(..<other.count).isSame(as: other)
    }

    /// Where the byte stands first, from this place on.
    package func firstIndex(of byte: UInt8, from start: Int = 0) -> Int? {
        guard start < count else { return nil }
        return unsafe extracting(start...).withUnsafeBytes { piece in
            guard let base = piece.baseAddress, let found = unsafe memchr(base, Int32(byte), piece.count)
            else { return nil }
            return unsafe start + (found - UnsafeMutableRawPointer(mutating: base))
        }
    }
}
