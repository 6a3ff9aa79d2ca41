import Glibc
import Testing
import Web

@testable import FastCGI

@Suite("Addresses to listen on")
struct ListenAddressTests {
    @Test(
        "Each form is read, and printed as it was",
        arguments: [
            ("unix:/run/postern/postern.sock", ListenAddress.unix(path: "/run/postern/postern.sock")),
            ("tcp:127.0.0.1:9000", .tcp(host: "127.0.0.1", port: 9000)),
            ("tcp:[::1]:9000", .tcp(host: "::1", port: 9000)),
            ("fd:0", .descriptor(0)), ("systemd", .systemd),
        ])
    func forms(text: String, address: ListenAddress) throws {
        #expect(try ListenAddress(text) == address)
        #expect(address.description == text)
    }

    @Test(
        "Anything else is refused with its text",
        arguments: [
            "", "unix:", "unix:relative", "unix", "tcp:9000", "tcp:localhost:9000", "tcp:127.0.0.1:", "tcp:127.0.0.1:x",
            "tcp:127.0.0.1:65536", "tcp:127.0.0.1:-1", "fd:", "fd:-1", "fd:99999999999", "systemd:", "/run/x",
            "UNIX:/x",
        ])
    func refused(text: String) {
        #expect(throws: ListenFailure.malformed(text)) { try ListenAddress(text) }
    }

    @Test("A TCP listener outside the loopback interface needs the insecure option")
    func loopback() throws {
        let address = try ListenAddress("tcp:0.0.0.0:0")
        #expect(throws: ListenFailure.notLoopback("tcp:0.0.0.0:0")) {
            try Listener.open(address, group: nil, insecure: false)
        }
        let listeners = try Listener.open(address, group: nil, insecure: true)
        for listener in listeners { close(listener.descriptor) }
        #expect(listeners.count == 1)
    }

    @Test("A loopback listener of either version opens", arguments: ["tcp:127.0.0.1:0", "tcp:[::1]:0"])
    func tcp(text: String) throws {
        let listeners = try Listener.open(try ListenAddress(text), group: nil, insecure: false)
        for listener in listeners { close(listener.descriptor) }
        #expect(listeners.map(\.isTCP) == [true])
    }

    @Test("A Unix socket is there with mode 0660, refuses a second owner, and goes with its own")
    func unixSocket() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/s"
        let listener = try SocketFile.listen(at: path, group: nil)
        #expect(folder.mode(of: "s") == 0o660)
        #expect(throws: ListenFailure.alreadyRunning(path)) { try SocketFile.listen(at: path, group: nil) }

        close(listener.descriptor)
        let second = try SocketFile.listen(at: path, group: "root")
        listener.file?.remove()
        #expect(folder.mode(of: "s") != nil, "the file is the second listener's now")
        second.file?.remove()
        close(second.descriptor)
        #expect(folder.entries.isEmpty)
    }

    @Test("A path that is too long, a file that is no socket, a group and a folder that are not there are said so")
    func failures() throws {
        let folder = try TemporaryFolder()
        let long = "/" + String(repeating: "x", count: 100)
        #expect(throws: ListenFailure.pathTooLong(long)) { try SocketFile.listen(at: long, group: nil) }
        let file = folder.path + "/file"
        unsafe close(open(file, O_CREAT | O_WRONLY, 0o600))
        #expect(throws: ListenFailure.notASocket(file)) { try SocketFile.listen(at: file, group: nil) }
        let path = folder.path + "/s"
        #expect(throws: ListenFailure.unknownGroup("no-such-group")) {
            try SocketFile.listen(at: path, group: "no-such-group")
        }
        #expect(folder.entries == ["file"])
        let nowhere = folder.path + "/nowhere/s"
        #expect(
            throws: ListenFailure.system("cannot make the socket \(nowhere).new", reason: "No such file or directory")
        ) {
            try SocketFile.listen(at: nowhere, group: nil)
        }
    }

    @Test("A descriptor that does not listen is refused")
    func descriptors() throws {
        let (reading, writing) = try pipeEnds()
        #expect(throws: ListenFailure.notListening("fd:\(reading)")) {
            try Listener.open(.descriptor(reading), group: nil, insecure: false)
        }
        close(reading)
        close(writing)
        #expect(throws: ListenFailure.noSystemdSockets) {
            try Listener.open(.systemd, group: nil, insecure: false)
        }
    }
}
