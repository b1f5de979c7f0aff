// rtbridge: server-sent events, and the ring that they wait in.
// SPDX-License-Identifier: Apache-2.0

import NIOCore
import Testing

@testable import BridgeWire

struct EventStreamTests {
    private static func text(_ data: String, type: StaticString? = nil, id: String? = nil) -> String {
        var buffer = ByteBuffer()
        EventStream.write(type: type, id: id, text: data, into: &buffer)
        return String(buffer: buffer)
    }

    /// HTML Living Standard §9.2.6: a line each; LF, CR and CR LF end one.
    @Test(arguments: [
        ("a", "data: a\n\n"), ("", "data: \n\n"), ("a\nb", "data: a\ndata: b\n\n"),
        ("a\r\nb\r", "data: a\ndata: b\ndata: \n\n"), ("\n", "data: \ndata: \n\n"),
        ("a\r\rb", "data: a\ndata: \ndata: b\n\n"),
        ("data: x\n\nevent: y", "data: data: x\ndata: \ndata: event: y\n\n"),
    ])
    func eachLineIsAField(_ data: String, _ event: String) { #expect(Self.text(data) == event) }

    @Test func typeAndIdStandBefore() {
        #expect(Self.text("x", type: "t", id: "a.1") == "event: t\nid: a.1\ndata: x\n\n")
        var buffer = ByteBuffer()
        EventStream.writeRetry(milliseconds: 2000, into: &buffer)
        [UInt8]([0, 255, 10]).withUnsafeBytes { EventStream.write(id: "1", base64: $0, into: &buffer) }
        #expect(String(buffer: buffer) == "retry: 2000\nid: 1\ndata: AP8K\n\n")
    }

    // MARK: Text

    private static func cut(_ bytes: [UInt8], every size: Int) -> String {
        var cutter = TextCutter()
        var text = ""
        var rest = bytes[...]
        while !rest.isEmpty {
            text += cutter.next(ByteBuffer(bytes: rest.prefix(size)))
            rest = rest.dropFirst(size)
        }
        return text + cutter.finish()
    }

    @Test(arguments: 1...9)
    func charactersAreNotCut(_ size: Int) {
        let text = "a\u{e9}\u{20ac}\u{1F600}\r\nz"
        #expect(Self.cut(Array(text.utf8), every: size) == text)
    }

    @Test(arguments: 1...5)
    func bytesThatAreNoTextAreReplaced(_ size: Int) {
        let text = Self.cut([0x61, 0xFF, 0x62, 0xE2, 0x82], every: size)
        #expect(text.hasPrefix("a\u{FFFD}b\u{FFFD}"))
        #expect(Self.cut([0x80, 0x80, 0x80, 0x80, 0x61], every: size).hasSuffix("\u{FFFD}a"))
    }

    // MARK: The ring

    private static func event(_ number: Int, _ size: Int = 10) -> ByteBuffer {
        ByteBuffer(repeating: UInt8(truncatingIfNeeded: number), count: size)
    }

    @Test func eventsAreSentOnceAndInOrder() {
        var ring = EventRing(limit: 1000)
        for number in 1...3 { ring.append(Self.event(number)) }
        #expect((1...3).map { _ in ring.send() } == (1...3).map { Self.event($0) })
        #expect(ring.send() == nil && ring.isAllSent && ring.next == 4)
    }

    @Test(arguments: 0...3)
    func aClientThatComesBackIsSentTheRest(_ number: Int) {
        var ring = EventRing(limit: 1000)
        for number in 1...3 { ring.append(Self.event(number)) }
        _ = ring.send()
        _ = ring.send()
        #expect(ring.resume(after: number) == 0)
        var sent: [ByteBuffer] = []
        while let event = ring.send() { sent.append(event) }
        #expect(sent == (1...3).dropFirst(number).map { Self.event($0) })
    }

    @Test func whatWasSentGoesFirstAndTheLossIsCounted() {
        var ring = EventRing(limit: 30)
        for number in 1...10 {
            ring.append(Self.event(number))
            #expect(ring.send() == Self.event(number))
        }
        #expect(ring.resume(after: 2) == 5, "three of ten are kept")
        #expect(ring.send() == Self.event(8))
        #expect(ring.resume(after: 9) == 0)
        #expect(ring.send() == Self.event(10))
    }

    @Test func whatWasNotSentIsNeverDropped() {
        var ring = EventRing(limit: 30)
        for number in 1...10 { ring.append(Self.event(number)) }
        #expect(!ring.hasRoom)
        for number in 1...10 { #expect(ring.send() == Self.event(number)) }
        #expect(ring.hasRoom && ring.resume(after: 6) == 1, "three that were sent are kept")
    }

    @Test func aNumberThatNobodyWasGivenIsRefused() {
        var ring = EventRing(limit: 30)
        ring.append(Self.event(1))
        #expect(ring.resume(after: 2) == nil && ring.resume(after: -1) == nil && ring.resume(after: 1) == 0)
    }

    @Test func anyOrderOfSendingAndComingBackLosesNothingWithinTheBound() {
        var random = SeededRandom(seed: 7)
        var ring = EventRing(limit: 500)
        var (client, had) = (0, 0)
        for _ in 0..<5000 {
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<5: if ring.hasRoom { ring.append(Self.event(ring.next)) }
            case 5..<9:
                guard let event = ring.send() else { break }
                client += 1
                #expect(event == Self.event(client))
            default:
                // Up to ten events were on their way; what the client has had before, it has.
                had = Int.random(in: max(had, client - 10)...client, using: &random)
                #expect(ring.resume(after: had) == 0)
                client = had
            }
        }
        #expect(client > 500)
    }
}
