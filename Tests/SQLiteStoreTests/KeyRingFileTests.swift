import Glibc
import Sessions
import Testing
import Values

@testable import SQLiteStore

@Suite("The key file")
struct KeyRingFileTests {
    private let folder = Folder()
    private let now = Timestamp(seconds: 1000)
    private var file: KeyRingFile { KeyRingFile(path: folder.keys) }

    @Test("It is made at the first start, for its owner only, and stays the same after")
    func open() throws {
        #expect(try file.read() == nil && file.changed == nil)
        let made = try file.open(now: now, entropy: .system)
        #expect(made.count == 1 && made[0].created == now)
        #expect(mode(of: folder.keys) == 0o600)
        #expect(try file.open(now: now.adding(9), entropy: .system).map(\.secret.exposed) == made.map(\.secret.exposed))
        #expect(file.changed != nil)
    }

    @Test("Of processes that start together all get the same key")
    func together() throws {
        let ring = file
        let keys = Collected()
        inParallel(8) { _ in
            if let made = try? ring.open(now: Timestamp(seconds: 1000), entropy: .system) {
                keys.add(made[0].secret.exposed)
            }
        }
        #expect(keys.all.count == 8 && Set(keys.all).count == 1)
        #expect(try file.read()?.count == 1)
    }

    @Test("A rotation puts a new key in front and leaves no file beside")
    func rotate() throws {
        let old = try file.open(now: now, entropy: .system)
        #expect(try file.rotate(now: now.adding(10), lifetime: 3600, entropy: .system) == 2)
        let keys = try #require(try file.read())
        #expect(keys.map(\.created) == [now.adding(10), now] && keys[1].secret.exposed == old[0].secret.exposed)
        #expect(mode(of: folder.keys) == 0o600 && mode(of: folder.keys + ".new") == 0)
    }

    @Test("What is wrong is said with the file, the line and the remedy, never with a key")
    func failures() throws {
        #expect(
            failure { _ = try file.rotate(now: now, lifetime: 1, entropy: .system) }?.contains("postern key new")
                == true)
        let keys = try file.open(now: now, entropy: .system)
        unsafe chmod(folder.keys, 0o640)
        #expect(failure { _ = try file.read() } == "\(folder.keys): others can read it; `chmod 600 \(folder.keys)`")
        unsafe chmod(folder.keys, 0o600)
        let text = KeyFile.text(of: keys)
        for (content, what) in [(text + "rubbish\n", "\(folder.keys):2: not a key"), ("", "\(folder.keys): empty")] {
            let stream = unsafe fopen(folder.keys, "w")
            unsafe fputs(content, stream)
            unsafe fclose(stream)
            let said = try #require(failure { _ = try file.open(now: now, entropy: .system) })
            #expect(said.hasPrefix(what) && said.contains("ends all sessions"))
            #expect(!said.contains(Base64URL.encode(keys[0].secret.exposed)))
        }
        let lost = KeyRingFile(path: "\(folder.path)/missing/keys")
        #expect(failure { _ = try lost.open(now: now, entropy: .system) }?.contains("cannot be made") == true)
    }
}
