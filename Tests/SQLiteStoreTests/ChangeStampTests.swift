import Glibc
import Testing

@testable import SQLiteStore

@Suite("Processes see by eight bytes whether something changed")
struct ChangeStampTests {
    private let folder = Folder()

    @Test("Who renews it, changes it for all")
    func renewal() throws {
        let (here, there) = (ChangeStamp(database: folder.database), ChangeStamp(database: folder.database))
        _ = here.current()
        let first = try #require(there.current())
        #expect(here.current() == first && there.current() == first)
        here.renew()
        let second = try #require(here.current())
        #expect(second != first && there.current() == second)
    }

    @Test("Where nobody reads it there is no file; what is made is for its owner only")
    func file() {
        let path = folder.database + "-stamp"
        let stamp = ChangeStamp(database: folder.database)
        stamp.renew()
        #expect(FileIdentity(path: path) == nil)
        _ = stamp.current()
        #expect(mode(of: path) == 0o600)
    }

    @Test("A file that was removed or replaced is another stamp, once it is followed")
    func replaced() throws {
        let path = folder.database + "-stamp"
        let (here, there) = (ChangeStamp(database: folder.database), ChangeStamp(database: folder.database))
        let first = try #require(here.current())
        #expect(unsafe unlink(path) == 0)
        there.renew()
        #expect(here.current() == first)
        here.follow()
        let second = try #require(here.current())
        #expect(second != first)
        there.renew()
        #expect(here.current() != second)
    }

    @Test("A file that cannot be made or is too short is no stamp")
    func none() throws {
        #expect(ChangeStamp(database: folder.database + "/no/such").current() == nil)
        let stamp = ChangeStamp(database: folder.database)
        #expect(stamp.current() != nil)
        #expect(unsafe truncate(folder.database + "-stamp", 7) == 0)
        #expect(stamp.current() == nil)
        stamp.renew()
        #expect(stamp.current() != nil)
    }
}
