// rtbridge: the owner of a TLS connection, taking notes.
// SPDX-License-Identifier: Apache-2.0
import NIOCore

@testable import NIOOpenSSL

/// The last handler of a pipeline: keeps all that reaches it, in order.
final class Recorder: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    enum Note: Equatable {
        case active
        case handshake(TLSHandshakeCompleted)
        case read(Int)
        case readComplete
        case inputClosed
        case error(TLSError)
        case inactive
    }

    private(set) var notes: [Note] = []
    /// All plaintext.
    private(set) var received = ByteBuffer()
    private(set) var otherErrors: [any Error] = []
    /// Called with each read, after it is noted.
    var onRead: ((ChannelHandlerContext, ByteBuffer) -> Void)?
    /// Called with each event, after it is noted.
    var onNote: ((ChannelHandlerContext, Note) -> Void)?

    var reads: [Int] { notes.compactMap { if case .read(let count) = $0 { count } else { nil } } }
    var errors: [TLSError] { notes.compactMap { if case .error(let error) = $0 { error } else { nil } } }
    var handshake: TLSHandshakeCompleted? {
        notes.compactMap { if case .handshake(let agreed) = $0 { agreed } else { nil } }.first
    }
    var text: String { String(buffer: received) }

    func count(_ note: Note) -> Int { notes.count { $0 == note } }

    func channelActive(context: ChannelHandlerContext) { add(.active, context) }
    func channelInactive(context: ChannelHandlerContext) { add(.inactive, context) }
    func channelReadComplete(context: ChannelHandlerContext) { add(.readComplete, context) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = unwrapInboundIn(data)
        received.writeImmutableBuffer(bytes)
        add(.read(bytes.readableBytes), context)
        onRead?(context, bytes)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? TLSHandshakeCompleted { add(.handshake(event), context) }
        if let event = event as? ChannelEvent, event == .inputClosed { add(.inputClosed, context) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if let error = error as? TLSError { add(.error(error), context) } else { otherErrors.append(error) }
    }

    private func add(_ note: Note, _ context: ChannelHandlerContext) {
        notes.append(note)
        onNote?(context, note)
    }
}
