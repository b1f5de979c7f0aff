// rtbridge: the demo's line chat: lines, rules, and sessions on loopback.
// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOPosix
import Testing

@testable import BridgeDemo

@Suite struct LineSplitterTests {
    static let input =
        "hello\r\n\n\(String(repeating: "x", count: 1024))\n\(String(repeating: "y", count: 1025))\nZoë\u{1b}[1m\tend\nrest"
    static let expected: [LineSplitter.Piece] = [
        .line("hello"), .line(""), .line(String(repeating: "x", count: 1024)), .tooLong, .line("Zoë\u{FFFD}[1m\tend"),
    ]

    func split(_ chunks: [ByteBuffer]) -> [LineSplitter.Piece] {
        var splitter = LineSplitter()
        var pieces: [LineSplitter.Piece] = []
        for var chunk in chunks {
            while let piece = splitter.next(from: &chunk) { pieces.append(piece) }
        }
        return pieces
    }

    @Test func linesAreTheSameWholeAndByteByByte() {
        #expect(split([ByteBuffer(string: Self.input)]) == Self.expected)
        #expect(split(Self.input.utf8.map { ByteBuffer(bytes: [$0]) }) == Self.expected)
    }

    @Test(arguments: 0..<100 as Range<UInt64>) func linesAreTheSameAtRandomCuts(seed: UInt64) {
        var random = SplitMix64(state: seed)
        var rest = ByteBuffer(string: Self.input)
        var chunks: [ByteBuffer] = []
        while rest.readableBytes > 0 {
            let count = Int.random(in: 1...min(700, rest.readableBytes), using: &random)
            chunks.append(rest.readSlice(length: count)!)
        }
        #expect(split(chunks) == Self.expected, "seed \(seed)")
    }
}

extension ChatRoom {
    /// Joins a room that has room.
    fileprivate mutating func enter() throws -> (member: Member, effects: [Effect]) {
        let joined = join()
        return try #require(joined, "the room is full")
    }
}

@Suite struct ChatRoomTests {
    @Test func aMemberIsGreetedAndHeardByAll() throws {
        var room = ChatRoom()
        let first = try room.enter()
        let second = try room.enter()
        let commands = "/nick NAME renames you, /quit leaves."
        #expect(
            first.effects == [
                .tell(first.member, "Welcome to the line chat, guest-1: nobody else is here. \(commands)")
            ])
        #expect(second.effects == [.tell(second.member, "Welcome to the line chat, guest-2: 1 more here. \(commands)")])
        #expect(room.say("hi", by: second.member) == [.tellAll("guest-2: hi")])
        #expect(room.say(" ", by: second.member) == [])
    }

    @Test func whoSaidNothingLeavesUnnoticed() throws {
        var room = ChatRoom()
        let silent = try room.enter().member
        let speaker = try room.enter().member
        _ = room.say("hi", by: speaker)
        #expect(room.leave(silent) == [])
        #expect(room.leave(speaker) == [.tellAll("* guest-2 has left")])
    }

    @Test(arguments: ["", "a b", "a/b", "\u{FFFD}", String(repeating: "n", count: 25)])
    func aBadNickIsRefused(nick: String) throws {
        var room = ChatRoom()
        let member = try room.enter().member
        let refusal = ChatRoom.Effect.tell(member, "* a name has 1 to 24 letters, digits, dots or dashes")
        #expect(room.say("/nick \(nick)", by: member) == [refusal])
        #expect(room.say("x", by: member) == [.tellAll("guest-1: x")])
    }

    @Test func aNickIsTakenOnceAndFreeAgainAfterwards() throws {
        var room = ChatRoom()
        let first = try room.enter().member
        let second = try room.enter().member
        #expect(room.say("/nick ada", by: first) == [.tellAll("* guest-1 is now ada")])
        #expect(room.say("/nick ada", by: second) == [.tell(second, "* ada is taken")])
        #expect(room.leave(first) == [.tellAll("* ada has left")])
        #expect(room.say("/nick ada", by: second) == [.tellAll("* guest-2 is now ada")])
    }

    @Test func quittingClosesAndLeavesOnce() throws {
        var room = ChatRoom()
        let member = try room.enter().member
        #expect(
            room.say("/quit", by: member) == [
                .tell(member, "* goodbye, guest-1"), .close(member), .tellAll("* guest-1 has left"),
            ])
        #expect(room.leave(member) == [])
        #expect(room.say("still here?", by: member) == [])
    }

    @Test func aNextGuestNeverGetsANameInUse() throws {
        var room = ChatRoom()
        let first = try room.enter().member
        _ = room.say("/nick guest-2", by: first)
        let second = try room.enter().member
        #expect(room.say("x", by: second) == [.tellAll("guest-1: x")])
        let third = try room.enter().member
        #expect(room.say("x", by: third) == [.tellAll("guest-3: x")])
    }

    @Test func theRoomTakesSoManyAndNoMore() throws {
        var room = ChatRoom()
        var members: [ChatRoom.Member] = []
        for _ in 0..<ChatRoom.maximumMembers { members.append(try room.enter().member) }
        #expect(room.join() == nil)
        _ = room.leave(members[3])
        #expect(room.join() != nil)
    }
}

@Suite(.timeLimit(.minutes(1))) struct DemoTCPChatTests {
    /// Runs `body` with a chat and closes it afterwards.
    func withChat(_ body: (SocketAddress) async throws -> Void) async throws {
        let chat = DemoTCPChat()
        let address = try await chat.start(on: MultiThreadedEventLoopGroup.singleton)
        do { try await body(address) } catch {
            await chat.stop()
            throw error
        }
        await chat.stop()
    }

    @Test func aLineGoesToEverybodyUnderTheSpeakersName() async throws {
        try await withChat { address in
            try await LineClient.with(address) { ada in
                #expect(try await ada.line()?.hasPrefix("Welcome to the line chat, guest-1: nobody else") == true)
                try await LineClient.with(address) { bob in
                    #expect(try await bob.line()?.hasPrefix("Welcome to the line chat, guest-2: 1 more") == true)
                    try await ada.send("/nick ada\nhello ")
                    try await ada.send("there\n")
                    for client in [ada, bob] {
                        #expect(try await client.line() == "* guest-1 is now ada")
                        #expect(try await client.line() == "ada: hello there")
                    }
                    try await bob.send("/quit\n")
                    #expect(try await bob.line() == "* goodbye, guest-2")
                    #expect(try await bob.line() == nil)
                }
                #expect(try await ada.line() == "* guest-2 has left")
            }
        }
    }

    @Test func anOverlongLineIsDroppedAndTheSessionGoesOn() async throws {
        try await withChat { address in
            try await LineClient.with(address) { client in
                _ = try await client.line()
                try await client.send(String(repeating: "x", count: 5000) + "\nshort\n")
                #expect(try await client.line() == "* that line had more than 1024 bytes and was dropped")
                #expect(try await client.line() == "guest-1: short")
            }
        }
    }

    /// What a member does not read is kept for it up to the channel's watermark, not without end.
    @Test func aMemberThatDoesNotReadIsClosed() async throws {
        try await withChat { address in
            let deaf = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .channelOption(.autoRead, value: false)
                .channelOption(.socketOption(.so_rcvbuf), value: 4096)
                .connect(to: address).get()
            try await deaf.writeAndFlush(ByteBuffer(string: "/nick deaf\n"))
            try await LineClient.with(address) { client in
                _ = try await client.line()
                let lines = Array(repeating: String(repeating: "x", count: 1000), count: 100)
                var hasLeft = false
                // Far more than any socket buffer: 100,000 lines of a kilobyte.
                for _ in 0..<1000 where !hasLeft {
                    try await client.send(lines.joined(separator: "\n") + "\n")
                    for _ in lines where try await client.line()?.hasSuffix("deaf has left") == true { hasLeft = true }
                }
                #expect(hasLeft)
            }
            try? await deaf.close()
        }
    }

    @Test func stoppingEndsEverySession() async throws {
        let chat = DemoTCPChat()
        let address = try await chat.start(on: MultiThreadedEventLoopGroup.singleton)
        try await LineClient.with(address) { client in
            _ = try await client.line()
            await chat.stop()
            #expect(try await client.line() == nil)
        }
    }
}

/// A session of lines with a back-end.
final class LineClient {
    private var inbound: NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator
    private let outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
    private var splitter = LineSplitter()
    private var rest = ByteBuffer()

    private init(
        _ inbound: NIOAsyncChannelInboundStream<ByteBuffer>, _ outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
    ) {
        self.inbound = inbound.makeAsyncIterator()
        self.outbound = outbound
    }

    static func with(_ address: SocketAddress, _ body: (LineClient) async throws -> Void) async throws {
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(to: address) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
        try await channel.executeThenClose { inbound, outbound in
            try await body(LineClient(inbound, outbound))
        }
    }

    func send(_ text: String) async throws { try await outbound.write(ByteBuffer(string: text)) }

    /// The next line; nil at the end of the stream.
    func line() async throws -> String? {
        while true {
            if case .line(let line)? = splitter.next(from: &rest) { return line }
            guard let next = try await inbound.next() else { return nil }
            rest = next
        }
    }
}
