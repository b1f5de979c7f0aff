// rtbridge: the demo's switch: back-ends are stopped and started by lines over TCP, so that the page can show the loss.
// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// Takes `chat stop`, `chat start` and the like, a line each, and tells every client of each state: `chat stopped`,
/// `chat running`. The page reaches it as it reaches the other back-ends: by a route, which lets in pages of its own origin
/// alone.
actor DemoControl {
    private static let maximumConnections = 64

    private var listener: LoopbackListener?
    private var work: Task<Void, Never>?
    private var commands: AsyncStream<String>.Continuation?

    /// - Returns: the address, with the port that the system chose.
    func start(on group: any EventLoopGroup, _ switches: [DemoSwitch]) async throws -> SocketAddress {
        precondition(listener == nil, "DemoControl.start: called twice")
        let loop = group.next()
        let (stream, commands) = AsyncStream.makeStream(of: String.self, bufferingPolicy: .bufferingOldest(16))
        let names = switches.map(\.name)
        let board = try await loop.submit { NIOLoopBound(ControlBoard(names), eventLoop: loop) }.get()
        let opened = try await LoopbackListener.open(on: loop, maximumConnections: Self.maximumConnections) { channel in
            try channel.pipeline.syncOperations.addHandler(
                ControlHandler(board: board.value) { commands.yield($0) })
        }
        // One after the other: a start waits for the stop before it.
        work = Task {
            for await command in stream {
                guard let state = await Self.run(command, switches) else { continue }
                try? await loop.submit { board.value.show(state.name, isRunning: state.isRunning) }.get()
            }
        }
        self.commands = commands
        listener = opened
        return opened.address
    }

    func stop() async {
        commands?.finish()
        await work?.value
        await listener?.close()
        (listener, work, commands) = (nil, nil, nil)
    }

    /// - Returns: what is so now; nil where nothing was done.
    private static func run(_ command: String, _ switches: [DemoSwitch]) async -> (name: String, isRunning: Bool)? {
        let words = command.split(separator: " ")
        guard words.count == 2, let one = switches.first(where: { $0.name == words[0] }) else { return nil }
        switch words[1] {
        case "stop":
            await one.stop()
            return (one.name, false)
        case "start":
            // Started twice, it would not know which is which.
            await one.stop()
            do {
                try await one.start()
                return (one.name, true)
            } catch {
                return (one.name, false)
            }
        case _: return nil
        }
    }
}
