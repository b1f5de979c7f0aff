// rtbridge: names, calls and clients of server-sent events.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgeWire
import NIOCore
import NIOEmbedded
import Testing

@testable import BridgeCore
@testable import BridgeFronts

struct SSETests {
    private static func head(_ method: String, _ path: String, _ more: KeyValuePairs<String, String> = [:])
        -> RequestHead
    {
        var fields = FieldBlock([":method": method, ":path": path, ":authority": "h"])
        fields.append(FieldBlock(more))
        return RequestHead(
            version: .http1, fields: fields,
            connection: ConnectionInfo(listener: "l", isTLS: false, client: "198.51.100.1"))
    }

    // MARK: Which requests

    @Test(arguments: [
        ("GET", "/", "text/event-stream", true), ("GET", "/", "a/b, Text/Event-Stream;q=1", true),
        ("GET", "/", "text/event-streams", false), ("GET", "/", "*/*", false),
        ("HEAD", "/", "text/event-stream", false),
        ("POST", "/", "text/event-stream", false), ("POST", "/?a=b&rtbridge-session=x", "*/*", true),
        ("DELETE", "/?rtbridge-session=x", "*/*", true), ("POST", "/?xrtbridge-session=x", "*/*", false),
    ])
    func eventsAreAskedForByAcceptAndWrittenByName(_ method: String, _ path: String, _ accept: String, _ isOurs: Bool) {
        #expect(SSEFront.recognises(Self.head(method, path, ["accept": accept])) == isOurs)
    }

    // MARK: Names

    @Test func anIdIsASessionAndANumber() throws {
        let worker = Worker(eventLoop: EmbeddedEventLoop(), index: 0, logger: .init(label: "test"), accessLog: nil)
        let names = Set((0..<100).map { _ in SSEName.make(worker) })
        #expect(names.count == 100)
        for name in names {
            let (session, number) = try #require(SSEName.parse(SSEName.id(name, 17)))
            #expect(session == name && number == 17)
        }
    }

    @Test(arguments: [
        "", ".", "x.1", "0123456789abcdef0123456789abcdef", "0123456789abcdef0123456789abcdef.",
        "0123456789abcdef0123456789abcdef.-1", "0123456789abcdef0123456789abcdef.1.2",
        "0123456789abcdef0123456789abcdef.99999999999999999999",
    ])
    func whatIsNoIdIsNone(_ text: String) { #expect(SSEName.parse(text) == nil) }

    @Test func sessionsAreFoundByTheirRouteAndCounted() {
        let loop = EmbeddedEventLoop()
        let directory = SessionDirectory()
        func entry(_ route: String) -> SessionDirectory.Entry {
            .init(route: route, session: NIOLoopBound(SSETestSession(), eventLoop: loop))
        }
        #expect(directory.enter("1", entry("a"), limit: 2) && directory.enter("2", entry("a"), limit: 2))
        #expect(!directory.enter("3", entry("a"), limit: 2) && directory.enter("4", entry("b"), limit: 2))
        #expect(directory.find("1", route: "a") != nil && directory.find("1", route: "b") == nil)
        directory.leave("1")
        directory.leave("1")
        #expect(directory.find("1", route: "a") == nil && directory.count == 2)
        #expect(directory.enter("3", entry("a"), limit: 2) && !directory.enter("5", entry("a"), limit: 2))
    }

    // MARK: Calls

    @Test(arguments: [
        ("", [UInt8]()), ("?", []), ("?x=y", []), ("?message=", []), ("?message=CgFh", [10, 1, 97]),
        ("?a=b&message=-_8", [251, 255]), ("?message=%2B%2f8%3D", [251, 255]), ("?message=+/8=", [251, 255]),
    ])
    func theMessageStandsInTheQuery(_ query: String, _ message: [UInt8]) throws {
        let frame = try SSECall.message(Self.head("GET", "/p.S/M\(query)")).get()
        #expect(frame == ByteBuffer(bytes: [0, 0, 0, 0, UInt8(message.count)] + message))
    }

    @Test(arguments: ["?message=%25", "?message=a", "?message=ab!c", "?message=%zz"])
    func aMessageThatIsNoBase64IsRefused(_ query: String) {
        #expect(throws: SSERefusal.self) { try SSECall.message(Self.head("GET", "/p.S/M\(query)")).get() }
    }

    @Test(
        arguments: [
            (["grpc-status": "0"], #"{"code":0,"message":""}"#), ([:], #"{"code":2,"message":""}"#),
            (["grpc-status": "5", "grpc-message": "a%22%0Ab%C3%A9\\%"], #"{"code":5,"message":"a\"\u000abé\\%"}"#),
        ] as [(KeyValuePairs<String, String>, String)])
    func theStatusIsJSON(_ trailers: KeyValuePairs<String, String>, _ text: String) {
        #expect(SSECall.status(FieldBlock(trailers)) == text)
    }
}

private final class SSETestSession {}
