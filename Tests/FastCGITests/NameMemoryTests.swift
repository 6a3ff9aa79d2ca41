import Testing
import Web

@testable import FastCGI

@Suite("Names that come again")
struct NameMemoryTests {
    private func look(_ texts: [String], _ names: inout NameMemory) -> [(Request.Parameter?, Int)?] {
        texts.enumerated().map { index, text in
            unsafe text.withCString { unsafe names.look(at: $0, index) }.map { ($0.parameter, $0.length) }
        }
    }

    @Test("The same names in the same order are found again, with other values")
    func again() {
        var names = NameMemory()
        for value in ["", "x", "a=b", String(repeating: "v", count: 300)] {
            let found = look(["REQUEST_URI=\(value)", "X=\(value)", "HTTP_COOKIE=\(value)"], &names)
            #expect(found.map { $0?.0 } == [.requestURI, nil, .cookie])
            #expect(found.map { $0?.1 } == [12, 2, 12])
        }
    }

    @Test("Whatever comes in another order, shorter, longer or without an equals sign is what it is")
    func others() {
        var names = NameMemory()
        let kinds: [([String], [Request.Parameter?])] = [
            (["REQUEST_URI=/", "HTTP_COOKIE=a"], [.requestURI, .cookie]),
            (["HTTP_COOKIE=a", "REQUEST_URI=/"], [.cookie, .requestURI]),
            (["HTTP_COOKIE=a"], [.cookie]), (["HTTP_COOKIE2=a"], [nil]), (["HTTP_COOKI=a"], [nil]),
            (["HTTP_COOKI", "REQUEST_URI=/"], [nil, .requestURI]), (["", "="], [nil, nil]),
            (
                ["REQUEST_URI=HTTP_COOKIE=x", "HTTP_COOKIE=a", "REQUEST_METHOD=GET"],
                [.requestURI, .cookie, .requestMethod]
            ),
        ]
        for (texts, parameters) in kinds + kinds.reversed() {
            #expect(look(texts, &names).map { $0?.0 } == parameters, "\(texts)")
        }
    }
}
