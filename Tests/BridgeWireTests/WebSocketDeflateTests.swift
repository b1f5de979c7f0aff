// rtbridge: compressed WebSocket messages: the cases of the Autobahn suite's groups 12 and 13, and what breaks them.
// SPDX-License-Identifier: Apache-2.0
import NIOCore
import Testing

@testable import BridgeWire

@Suite struct WebSocketDeflateTests {
    static let sizes = [0, 1, 16, 63, 64, 256, 1024, 4096, 8192, 16384, 32768, 65536, 131_072]
    /// Autobahn 13.1 to 13.7: windows and takeovers.
    static let agreements: [WebSocketDeflateParameters] = [8, 9, 12, 15].flatMap { bits in
        [false, true].map { resets in
            var agreed = WebSocketDeflateParameters()
            (agreed.serverMaxWindowBits, agreed.clientMaxWindowBits) = (bits, bits)
            (agreed.serverNoContextTakeover, agreed.clientNoContextTakeover) = (resets, resets)
            return agreed
        }
    }

    /// Text as a chat or an API has it: it repeats itself, within a message and from one to the next.
    private static func text(_ count: Int, _ seed: UInt64) -> [UInt8] {
        var random = SeededRandom(seed: seed)
        var text: [UInt8] = []
        while text.count < count {
            let words = [
                "\"id\": ", "{", "}", "grüße, ", "true", ", ", "\"name\": \"ada\"",
                "\(UInt16.random(in: 0...999, using: &random))",
            ]
            text += Array(words.randomElement(using: &random)!.utf8)
        }
        // Not in the middle of a character.
        text.removeLast(text.count - count)
        if let last = text.last, last >= 0xC0 { text[text.count - 1] = 0x20 }
        return text
    }

    /// A sender of one side; its frames are made in fragments of `piece` bytes of payload.
    private struct Sender {
        let role: WebSocketRole
        let deflater: WebSocketDeflater?
        var bytes: [UInt8] = []
        /// Frames with RSV1.
        var marks = 0

        init(_ role: WebSocketRole, _ agreed: WebSocketDeflateParameters) {
            self.role = role
            deflater = WebSocketCompression.deflate(agreed).deflater(role)
        }

        mutating func send(_ payload: [UInt8], _ opcode: WebSocketOpcode, piece: Int = .max) {
            var rest = ByteBuffer(bytes: payload)
            var isFirst = true
            repeat {
                let part = rest.readSlice(length: min(piece, rest.readableBytes)) ?? ByteBuffer()
                let ends = rest.readableBytes == 0
                let out = deflater?.deflate(part, begins: isFirst, ends: ends) ?? .init(payload: part, isMarked: false)
                var frame = ByteBuffer()
                WebSocketEncoder.writeFrame(
                    opcode: isFirst ? opcode : .continuation, fin: ends, isMarked: out.isMarked, payload: out.payload,
                    maskKey: role == .client ? 0x37FA_213D : nil, into: &frame)
                marks += out.isMarked ? 1 : 0
                bytes += frame.array
                isFirst = false
            } while rest.readableBytes > 0
        }
    }

    private static func receive(
        _ pieces: [[UInt8]], _ role: WebSocketRole, _ compression: WebSocketCompression, limit: Int = 1 << 20
    ) -> Conversation {
        var decoder = WebSocketDecoder(role: role, maxMessageBytes: limit)
        decoder.use(compression)
        var conversation = Conversation()
        do throws(WebSocketViolation) {
            for piece in pieces {
                decoder.append(ByteBuffer(bytes: piece))
                while let event = try decoder.next() { conversation.take(event) }
            }
        } catch {
            conversation.violation = error
        }
        return conversation
    }

    // MARK: 12 and 13

    /// Group 12: messages of all sizes, one after the other, text and binary, whole and in fragments.
    @Test(arguments: agreements, [WebSocketRole.server, .client])
    func messagesOfAllSizesComeOutAsTheyWentIn(_ agreed: WebSocketDeflateParameters, _ role: WebSocketRole) {
        for piece in [Int.max, 5000, 100] {
            var sender = Sender(role, agreed)
            var expected: [Conversation.Item] = []
            for (number, size) in Self.sizes.enumerated() where size / piece < 400 {
                let payload = Self.text(size, UInt64(number % 3))
                sender.send(payload, number % 2 == 0 ? .text : .binary, piece: piece)
                expected.append(number % 2 == 0 ? .text(payload) : .binary(payload))
            }
            let whole = expected.reduce(0) { $0 + size($1) }
            #expect((sender.marks > 0) == (agreed.serverMaxWindowBits > 8))
            #expect(agreed.serverMaxWindowBits == 8 || piece < 1000 || sender.bytes.count < whole / 2)
            for cut in [Cut.whole, .random(seed: 1), .random(seed: 2)] {
                let other: WebSocketRole = role == .server ? .client : .server
                let result = Self.receive(cut.pieces(of: sender.bytes), other, .deflate(agreed))
                #expect(result.items == expected, "\(agreed), \(piece), \(cut)")
                #expect(result.violation == nil)
            }
        }
    }

    private func size(_ item: Conversation.Item) -> Int {
        switch item {
        case .text(let bytes), .binary(let bytes): bytes.count
        case .ping, .pong, .close: 0
        }
    }

    @Test(arguments: Cut.all)
    func randomMessagesComeOutWhereverTheyAreCut(_ cut: Cut) {
        var random = SeededRandom(seed: 7692)
        for agreed in Self.agreements {
            var sender = Sender(.client, agreed)
            var expected: [Conversation.Item] = []
            for _ in 0..<20 {
                let count = Int.random(in: 0...3000, using: &random)
                let payload = Bool.random(using: &random) ? Self.text(count, random.next()) : random.bytes(count)
                sender.send(payload, .binary, piece: Int.random(in: 1...4000, using: &random))
                expected.append(.binary(payload))
            }
            let result = Self.receive(cut.pieces(of: sender.bytes), .server, .deflate(agreed))
            #expect(result.items == expected && result.violation == nil, "\(agreed), \(cut)")
        }
    }

    /// What came before makes the next message short, unless it was agreed that it must not.
    @Test func contextIsTakenOverWhereItMayBe() {
        let payload = Incompressible.random
        for agreed in Self.agreements where agreed.serverMaxWindowBits == 12 {
            var sender = Sender(.server, agreed)
            sender.send(payload, .binary)
            let first = sender.bytes.count
            sender.send(payload, .binary)
            #expect((sender.bytes.count - first < first / 2) == !agreed.serverNoContextTakeover)
        }
    }

    // MARK: The RFC's own examples, RFC 7692 §7.2.3

    static let examples: [(String, [UInt8])] = [
        ("c1 07 f2 48 cd c9 c9 07 00", Array("Hello".utf8)),  // 7.2.3.1
        ("41 03 f2 48 cd 80 04 c9 c9 07 00", Array("Hello".utf8)),  // 7.2.3.1, fragmented
        ("c1 07 f2 48 cd c9 c9 07 00 c1 05 f2 00 11 00 00", Array("HelloHello".utf8)),  // 7.2.3.2
        ("c1 0b 00 05 00 fa ff 48 65 6c 6c 6f 00", Array("Hello".utf8)),  // 7.2.3.3, without compression
        ("c1 08 f3 48 cd c9 c9 07 00 00", Array("Hello".utf8)),  // 7.2.3.4, BFINAL
        ("c1 0d f2 48 05 00 00 00 ff ff ca c9 c9 07 00", Array("Hello".utf8)),  // 7.2.3.5, two blocks
        ("c1 01 00", []),  // 7.2.3.6
        ("c1 08 f3 48 cd c9 c9 07 00 00 c1 05 f2 00 11 00 00", Array("HelloHello".utf8)),  // a reference beyond BFINAL
    ]

    @Test(arguments: examples, Cut.all)
    func theExamplesOfTheRFCAreRead(_ example: (hex: String, text: [UInt8]), _ cut: Cut) {
        let result = Self.receive(cut.pieces(of: example.hex.hex), .client, .deflate(WebSocketDeflateParameters()))
        var all: [UInt8] = []
        for case .text(let bytes) in result.items { all += bytes }
        #expect(all == example.text && result.violation == nil, "\(example.hex), \(cut): \(result)")
    }

    // MARK: What is refused

    /// RFC 7692 §6: never on control frames and later fragments; RSV2 and RSV3 stay errors.
    @Test(arguments: [
        RawFrame(0xC9, "x"), RawFrame(0xCA, "x"), RawFrame(0xC8, [0x03, 0xE8]), RawFrame(0xA1, "x"),
        RawFrame(0x91, "x"), RawFrame(0xE1, "x"), RawFrame(0xC0, "x"), RawFrame(0x40, "x"),
    ])
    func aMarkWhereNoneMayBeIsRefused(_ frame: RawFrame) {
        let begun = RawFrame(0x01, "begun")
        for compression in [WebSocketCompression.deflate(WebSocketDeflateParameters()), .passThrough] {
            let frames = frame.first & 0x0F == 0 ? begun.bytes + frame.bytes : frame.bytes
            #expect(Self.receive([frames], .server, compression).closeCode == 1002)
        }
    }

    @Test func withoutTheExtensionAMarkIsRefused() {
        #expect(Self.receive([RawFrame(0xC1, [0x00]).bytes], .server, .none).violation == .reservedBits)
    }

    @Test(arguments: [[0xFF, 0xFF], [0x07], [0x00, 0x01, 0x00, 0x00, 0x00, 0x41]] as [[UInt8]])
    func whatIsNoDeflateDataIsRefused(_ payload: [UInt8]) {
        let bytes = RawFrame(0xC2, payload).bytes
        for cut in Cut.all {
            let result = Self.receive(cut.pieces(of: bytes), .server, .deflate(WebSocketDeflateParameters()))
            #expect(result.closeCode == 1007, "\(cut): \(result)")
        }
    }

    @Test func textIsCheckedAfterDecompression() {
        var sender = Sender(.client, WebSocketDeflateParameters())
        sender.send(Array(repeating: 0x61, count: 200) + [0xC0, 0x80], .text)
        #expect(Self.receive([sender.bytes], .server, .deflate(WebSocketDeflateParameters())).closeCode == 1007)
        sender.bytes = []
        sender.send(Array(repeating: 0x61, count: 200) + [0xC3], .text)
        #expect(Self.receive([sender.bytes], .server, .deflate(WebSocketDeflateParameters())).closeCode == 1007)
    }

    /// The limit is for what comes out, and is felt before it has come out.
    @Test(arguments: [1, 1000, 32767, 32768, 32769, 100_000])
    func aBombIsRefusedBeforeItTakesMemory(_ limit: Int) {
        var sender = Sender(.client, WebSocketDeflateParameters())
        sender.send([UInt8](repeating: 0, count: 20_000_000), .binary)
        #expect(sender.bytes.count < 200_000)
        let result = Self.receive([sender.bytes], .server, .deflate(WebSocketDeflateParameters()), limit: limit)
        #expect(result.closeCode == 1009 && result.items.isEmpty)
        #expect(result.pieceSizes.reduce(0, +) <= limit)
        #expect(result.pieceSizes.allSatisfy { $0 <= WebSocketDecoder.inflatedStep })
    }

    @Test func aMessageOfJustTheLimitPasses() {
        for limit in [64, 1000, 32768, 65536] {
            for (extra, isTaken) in [(0, true), (1, false)] {
                var sender = Sender(.client, WebSocketDeflateParameters())
                var random = SeededRandom(seed: 1)
                sender.send(random.bytes(limit + extra), .binary)
                let result = Self.receive([sender.bytes], .server, .deflate(WebSocketDeflateParameters()), limit: limit)
                #expect((result.violation == nil) == isTaken, "\(limit) + \(extra)")
            }
        }
    }

    @Test func randomBytesNeverTrapAndMeanTheSameWhereverTheyAreCut() {
        var random = SeededRandom(seed: 1951)
        let agreed = WebSocketDeflateParameters()
        for round in 0..<3000 {
            var sender = Sender(.client, agreed)
            sender.send(Self.text(Int.random(in: 64...600, using: &random), random.next()), .binary, piece: 200)
            var bytes = sender.bytes
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] ^=
                    UInt8(1) << UInt8.random(in: 0...7, using: &random)
            }
            let whole = Self.receive([bytes], .server, .deflate(agreed), limit: 5000)
            let cut = Self.receive(
                Cut.random(seed: random.next()).pieces(of: bytes), .server, .deflate(agreed), limit: 5000)
            guard whole.items == cut.items, whole.violation == cut.violation else {
                Issue.record("round \(round): \(whole) is not \(cut)")
                return
            }
        }
    }

    // MARK: Passed through

    @Test func whatIsPassedThroughIsNotTouched() {
        var decoder = WebSocketDecoder(role: .server, maxMessageBytes: 100)
        decoder.use(.passThrough)
        decoder.append(ByteBuffer(bytes: RawFrame(0xC1, [0xFF, 0xFE]).bytes + RawFrame(0x81, "x").bytes))
        #expect(
            (try? decoder.next()) == .data(ByteBuffer(bytes: [0xFF, 0xFE]), kind: .text, endsMessage: true))
        #expect(decoder.isMessageCompressed && !decoder.isInflating)
        #expect((try? decoder.next()) == .data(ByteBuffer(string: "x"), kind: .text, endsMessage: true))
        #expect(!decoder.isMessageCompressed)
    }
}

/// Bytes that deflate cannot make short by themselves.
private enum Incompressible {
    static let random: [UInt8] = {
        var random = SeededRandom(seed: 42)
        return random.bytes(2000)
    }()
}
