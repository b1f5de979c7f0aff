// rtbridge: the demo's TCP back-end: a line chat on loopback.
// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// A chat of lines over TCP: whoever connects is greeted, and each line goes to everybody.
///
/// `/nick NAME` renames, `/quit` leaves. Lines are bounded (``LineSplitter/maximumLine``), members too
/// (``ChatRoom/maximumMembers``), and a member that does not read is closed.
public actor DemoTCPChat {
    /// Room for connections that are told that the room is full.
    private static let spareConnections = 16

    private var listener: LoopbackListener?

    public init() {}

    /// Listens on 127.0.0.1. Everything runs on one loop of `group`.
    /// - Parameter port: 0 lets the system choose.
    /// - Returns: the address.
    public func start(on group: any EventLoopGroup, port: Int = 0) async throws -> SocketAddress {
        precondition(listener == nil, "DemoTCPChat.start: called twice")
        let loop = group.next()
        let hub = try await loop.submit { NIOLoopBound(ChatHub(), eventLoop: loop) }.get()
        let opened = try await LoopbackListener.open(
            on: loop, port: port, maximumConnections: ChatRoom.maximumMembers + Self.spareConnections
        ) { channel in
            try channel.pipeline.syncOperations.addHandler(ChatHandler(hub: hub.value))
        }
        listener = opened
        return opened.address
    }

    /// Closes the listener and every session.
    public func stop() async {
        await listener?.close()
        listener = nil
    }
}
