internal import Glibc
package import Sessions
package import Values

/// The file of the key ring: mode 0600, made at the first start.
package struct KeyRingFile: Sendable {
    package let path: String

    package init(path: String) {
        self.path = path
    }

    /// What is wrong with the file, and what to do.
    package struct Failure: Error, Sendable, CustomStringConvertible {
        package let description: String
    }

    /// The keys; makes the file with one new key when there is none.
    package func open(now: Timestamp, entropy: Entropy) throws(Failure) -> [RingKey] {
        if let keys = try read() { return keys }
        let keys = [RingKey.made(at: now, entropy: entropy)]
        guard try create(keys, for: folder, entropy) else {
            guard let theirs = try read() else { throw Failure(description: "\(path) comes and goes") }
            return theirs
        }
        return keys
    }

    /// The keys; `nil` when there is no file.
    package func read() throws(Failure) -> [RingKey]? {
        let descriptor = unsafe Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            guard errno == ENOENT else { throw failure("cannot be read") }
            return nil
        }
        defer { close(descriptor) }
        try checkMode(of: descriptor)
        var bytes = [UInt8](repeating: 0, count: 64 * 1024)
        let count = unsafe bytes.withUnsafeMutableBytes { unsafe Glibc.read(descriptor, $0.baseAddress, $0.count) }
        guard count >= 0 else { throw failure("cannot be read") }
        do throws(KeyFile.Failure) {
            return try KeyFile.parse(Array(bytes.prefix(count)))
        } catch .malformed(let line) {
            throw Failure(
                description: "\(path):\(line): not a key; restore the file, or remove it (which ends all sessions)")
        } catch {
            throw Failure(description: "\(path): empty; restore the file, or remove it (which ends all sessions)")
        }
    }

    /// Puts a new key in front.
    package func rotate(now: Timestamp, lifetime: Int64, entropy: Entropy) throws(Failure) -> Int {
        guard let keys = try read() else { throw Failure(description: "\(path): not there; run `postern key new`") }
        let rotated = KeyFile.rotated(keys, now: now, lifetime: lifetime, entropy: entropy)
        let beside = "\(path).new"
        unsafe unlink(beside)
        guard try KeyRingFile(path: beside).create(rotated, for: path, entropy), unsafe rename(beside, path) == 0 else {
            throw failure("cannot be replaced")
        }
        return rotated.count
    }

    private var folder: String {
        let end = path.utf8.lastIndex(of: UInt8(ascii: "/")) ?? path.startIndex
        return end == path.startIndex ? "/" : String(path[..<end])
    }

    /// When the file was last changed, in nanoseconds; `nil` when it is not there.
    package var changed: Int64? {
        var status = stat()
        guard unsafe stat(path, &status) == 0 else { return nil }
        return Int64(status.st_mtim.tv_sec) &* 1_000_000_000 &+ Int64(status.st_mtim.tv_nsec)
    }

    /// Writes a file of its own and links it into place, so that nobody ever reads half of it. False when there is
    /// one already.
    ///
    /// Made by root it belongs to the owner of `neighbour`: Postern itself must be able to read it.
    private func create(
        _ keys: [RingKey], for neighbour: String, _ entropy: Entropy
    ) throws(Failure) -> Bool {
        // Not after the process id: in containers that share a volume each is 1.
        let draft = "\(path).\(Base64URL.encode(entropy.bytes(9)))"
        let descriptor = unsafe Glibc.open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failure("cannot be made") }
        defer { unsafe unlink(draft) }
        var status = stat()
        if geteuid() == 0, unsafe stat(neighbour, &status) == 0 { fchown(descriptor, status.st_uid, status.st_gid) }
        let text = Array(KeyFile.text(of: keys).utf8)
        let count = unsafe text.withUnsafeBytes { unsafe write(descriptor, $0.baseAddress, $0.count) }
        guard count == text.count, fsync(descriptor) == 0, close(descriptor) == 0 else {
            throw failure("cannot be written")
        }
        if unsafe link(draft, path) == 0 { return true }
        guard errno == EEXIST else { throw failure("cannot be made") }
        return false
    }

    private func checkMode(of descriptor: Int32) throws(Failure) {
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else { throw failure("cannot be read") }
        guard status.st_mode & 0o077 == 0 else {
            throw Failure(description: "\(path): others can read it; `chmod 600 \(path)`")
        }
    }

    private func failure(_ what: String) -> Failure {
        unsafe Failure(description: "\(path): \(what): \(String(cString: strerror(errno)))")
    }
}
