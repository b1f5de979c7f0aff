// rtbridge: the demo's chat on the network: a hub of sessions, and a handler for each.
// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// All sessions of one chat. Belongs to one event loop.
final class ChatHub {
    private var room = ChatRoom()
    private var channels: [ChatRoom.Member: any Channel] = [:]

    /// - Returns: nil if the room is full.
    func join(_ channel: any Channel) -> ChatRoom.Member? {
        guard let (member, effects) = room.join() else { return nil }
        channels[member] = channel
        run(effects)
        return member
    }

    func say(_ piece: LineSplitter.Piece, by member: ChatRoom.Member) {
        switch piece {
        case .line(let line): run(room.say(line, by: member))
        case .tooLong: run(room.sayTooLong(by: member))
        }
    }

    /// The member hung up. What it was told before still goes out, then its connection is closed.
    func leave(_ member: ChatRoom.Member) {
        run([.close(member)] + room.leave(member))
    }

    /// The member's connection is gone.
    func lost(_ member: ChatRoom.Member) {
        channels[member] = nil
        run(room.leave(member))
    }

    private func run(_ effects: [ChatRoom.Effect]) {
        for effect in effects {
            switch effect {
            case .tell(let member, let text): send(text, to: member)
            case .tellAll(let text): for member in channels.keys { send(text, to: member) }
            case .close(let member): close(member)
            }
        }
    }

    /// A member that does not read what it is told is closed: nothing is kept for it without bound.
    private func send(_ text: String, to member: ChatRoom.Member) {
        guard let channel = channels[member] else { return }
        guard channel.isWritable else {
            channels[member] = nil
            return channel.close(promise: nil)
        }
        channel.writeAndFlush(channel.allocator.buffer(string: text + "\n"), promise: nil)
    }

    private func close(_ member: ChatRoom.Member) {
        guard let channel = channels.removeValue(forKey: member) else { return }
        channel.writeAndFlush(channel.allocator.buffer(capacity: 0)).whenComplete { _ in channel.close(promise: nil) }
    }
}

@available(*, unavailable)
extension ChatHub: Sendable {}

/// One session: cuts what arrives into lines and brings them to the hub.
final class ChatHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let hub: ChatHub
    private var splitter = LineSplitter()
    private var member: ChatRoom.Member?

    init(hub: ChatHub) { self.hub = hub }

    func channelActive(context: ChannelHandlerContext) {
        member = hub.join(context.channel)
        if member == nil {
            let channel = context.channel
            channel.writeAndFlush(channel.allocator.buffer(string: "* the room is full, come back later\n"))
                .whenComplete { _ in channel.close(promise: nil) }
        }
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard let member else { return }
        var bytes = unwrapInboundIn(data)
        while let piece = splitter.next(from: &bytes) { hub.say(piece, by: member) }
    }

    /// A client that has said everything (`printf … | nc`) still gets its answers before the connection ends.
    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? ChannelEvent, event == .inputClosed {
            if let member { hub.leave(member) }
        } else {
            context.fireUserInboundEventTriggered(event)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        if let member { hub.lost(member) }
        member = nil
        context.fireChannelInactive()
    }

    /// A connection that broke is over; the others go on.
    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}

@available(*, unavailable)
extension ChatHandler: Sendable {}
