// rtbridge: what goes out on a WebSocket to a back-end.
// SPDX-License-Identifier: Apache-2.0

import BridgeCore
import BridgeWire
import NIOCore

extension WebSocketBackLeg {
    /// What is gathered beyond this does not wait for the end of the tick.
    private static let maximumGathered = 64 * 1024

    var isWritable: Bool { writer?.isWritable ?? channel?.isWritable ?? false }

    /// A piece of the client's message is a fragment of the back-end's; the bridge's own message is text.
    func deliver(_ bytes: ByteBuffer, _ flags: BodyFlags) {
        guard phase == .open else { return }
        let isText = flags.contains(.text) || flags.contains(.ofBridge)
        let opcode: WebSocketOpcode = isInMessage ? .continuation : isText ? .text : .binary
        let begins = !isInMessage
        isInMessage = !flags.contains(.endsMessage)
        guard let deflater else {
            return send(opcode, bytes, flags, fin: !isInMessage, isMarked: begins && flags.contains(.compressed))
        }
        let piece = deflater.deflate(bytes, begins: begins, ends: !isInMessage)
        send(opcode, piece.payload, flags, fin: !isInMessage, isMarked: piece.isMarked)
    }

    func sendClose(_ close: WebSocketClose) {
        var frame = ByteBuffer()
        WebSocketEncoder.writeClose(
            code: close.code, reason: close.reason, maskKey: connector.keys.next(), into: &frame)
        append(frame, .ofBridge)
    }

    /// RFC 6455 §5.3: every frame has a fresh key.
    func send(
        _ opcode: WebSocketOpcode, _ payload: ByteBuffer, _ flags: BodyFlags, fin: Bool = true, isMarked: Bool = false
    ) {
        let key = connector.keys.next()
        if writer != nil {
            var frame = ByteBuffer()
            WebSocketEncoder.writeFrame(
                opcode: opcode, fin: fin, isMarked: isMarked, payload: payload, maskKey: key, into: &frame)
            return append(frame, flags)
        }
        if outbound.capacity == 0 { outbound = worker.takeOutput() }
        WebSocketEncoder.writeFrame(
            opcode: opcode, fin: fin, isMarked: isMarked, payload: payload, maskKey: key, into: &outbound)
        gathered()
    }

    private func append(_ frame: ByteBuffer, _ flags: BodyFlags) {
        guard let writer else {
            if outbound.capacity == 0 { outbound = worker.takeOutput() }
            outbound.writeImmutableBuffer(frame)
            return gathered()
        }
        writer.append(frame, flags)
        markDirty()
    }

    private func gathered() {
        if outbound.readableBytes >= Self.maximumGathered { sendOutbound() }
        markDirty()
    }

    private func sendOutbound() {
        guard outbound.capacity > 0 else { return }
        if let socket { socket.send(outbound) } else { channel?.write(outbound, promise: nil) }
        worker.giveBackOutput(outbound)
        outbound = ByteBuffer()
    }

    func flushNow() {
        if let writer { return writer.flush() }
        sendOutbound()
        if let socket { socket.flush() } else { channel?.flush() }
    }

    func writerProgressed() {
        guard let writer else { return }
        if phase == .lingering, writer.isEmpty { return allWritten() }
        if writer.isWritable { exchange?.backWritable() }
    }

    private func markDirty() {
        guard !isDirty else { return }
        isDirty = true
        worker.flushAtTickEnd(self)
    }
}

extension WebSocketBackLeg: TickFlushable {
    func flushAtTickEnd() {
        isDirty = false
        let wasWritable = writer?.isWritable ?? true
        flushNow()
        if !wasWritable { writerProgressed() }
    }
}
