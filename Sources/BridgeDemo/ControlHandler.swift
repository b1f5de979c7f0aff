// rtbridge: the demo's switch on the network: what is so, and who is told.
// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// The state of each back-end, and the connections that are told of it. Belongs to one event loop.
final class ControlBoard {
    private var isRunning: [(name: String, isRunning: Bool)]
    private var channels: [ObjectIdentifier: any Channel] = [:]

    init(_ names: [String]) { isRunning = names.map { ($0, true) } }

    func add(_ channel: any Channel) {
        channels[ObjectIdentifier(channel)] = channel
        for state in isRunning { tell(channel, state) }
    }

    func remove(_ channel: any Channel) { channels[ObjectIdentifier(channel)] = nil }

    func show(_ name: String, isRunning: Bool) {
        guard let index = self.isRunning.firstIndex(where: { $0.name == name }) else { return }
        self.isRunning[index].isRunning = isRunning
        for channel in channels.values { tell(channel, self.isRunning[index]) }
    }

    private func tell(_ channel: any Channel, _ state: (name: String, isRunning: Bool)) {
        let line = "\(state.name) \(state.isRunning ? "running" : "stopped")\n"
        channel.writeAndFlush(ByteBuffer(string: line), promise: nil)
    }
}

@available(*, unavailable)
extension ControlBoard: Sendable {}

/// One connection: its lines are commands.
final class ControlHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let board: ControlBoard
    private let command: (String) -> Void
    private var lines = LineSplitter()

    init(board: ControlBoard, command: @escaping (String) -> Void) {
        self.board = board
        self.command = command
    }

    func channelActive(context: ChannelHandlerContext) { board.add(context.channel) }
    func channelInactive(context: ChannelHandlerContext) { board.remove(context.channel) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        while let piece = lines.next(from: &bytes) {
            switch piece {
            case .line(let line): command(line)
            case .tooLong: context.close(promise: nil)
            }
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed = event { context.close(promise: nil) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
