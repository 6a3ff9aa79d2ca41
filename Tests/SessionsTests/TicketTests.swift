import Testing
import Values

@testable import Sessions

@Suite("A ticket is ours, or it is none")
struct TicketTests {
    private let keys = KeyRing([ringKey(1)])

    @Test("A new one is 87 letters of base64url, and reads as it was made")
    func roundTrip() throws {
        let ticket = Ticket(entropy: .system, keys: keys)
        #expect(ticket.text.count == Ticket.textLength && Ticket.textLength == 87)
        let read = try #require(Ticket(ticket.text[...], keys: keys))
        #expect(read.id == ticket.id && read.secret == ticket.secret && read.text == ticket.text)
        #expect(Ticket(entropy: .system, keys: keys).text != ticket.text)
    }

    @Test("SES-01: no other letter at any place, no other length, no other key makes a ticket")
    func forged() {
        let text = Ticket(entropy: .system, keys: keys).text
        for index in text.indices {
            for letter in [UInt8(ascii: "A"), UInt8(ascii: "B"), UInt8(ascii: "="), 0, 0xFF] where letter != text[index]
            {
                var bent = text
                bent[index] = letter
                #expect(Ticket(bent[...], keys: keys) == nil, "\(letter) at \(index)")
            }
            #expect(Ticket(text.prefix(index), keys: keys) == nil)
        }
        #expect(Ticket((text + [UInt8(ascii: "A")])[...], keys: keys) == nil)
        #expect(Ticket(text[...], keys: KeyRing([ringKey(2)])) == nil)
        #expect(Ticket(text[...], keys: KeyRing([ringKey(2), ringKey(1)])) != nil)
    }

    @Test("The name of a cookie's value is the name of its id")
    func name() {
        let ticket = Ticket(entropy: .system, keys: keys)
        #expect(TicketName(ticket.text[...]) == TicketName(ticket.id))
        #expect(TicketName(Ticket(entropy: .system, keys: keys).id) != TicketName(ticket.id))
        #expect(TicketID([1, 2, 3]) == nil)
        #expect(ticket.id.short.utf8.count == 12)
    }
}
