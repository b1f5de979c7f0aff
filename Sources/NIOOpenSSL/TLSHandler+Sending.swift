// rtbridge: records out, and the ways a TLS connection ends.
// SPDX-License-Identifier: Apache-2.0
import BridgeSockets
import NIOCore

extension TLSHandler {
    /// Seals what is flushed, and after it the close_notify that is due, as far as OpenSSL can write now.
    func sealQueued(_ context: ChannelHandlerContext) {
        guard state.isSealing, queue.hasFlushed || state.isCloseNotifyDue, let connection else { return }
        if let error = sealAll(connection) { return fail(context, error) }
        guard state.isCloseNotifyDue, !queue.hasFlushed, connection.closeNotify() else { return }
        state.closeNotifySent()
        sealedPromise.setOrCascade(to: closeOutputPromise)
        closeOutputPromise = nil
    }

    private func sealAll(_ connection: TLSConnection) -> TLSError? {
        var failure: TLSError?
        while queue.hasFlushed {
            // A full buffer goes to the channel, unflushed, so that no buffer grows with the size of the flush.
            if connection.outboundRoom == 0 { writeOutbound(connection, nil) }
            connection.reserveOutbound(plaintext: queue.flushedBytes)
            let outcome = queue.nextPiece(upTo: connection.outboundRoom, written: &sealedPromise) { bytes in
                switch connection.seal(bytes) {
                case .sealed: return .taken
                case .needsBytes: return .refused
                case .failed(let error):
                    failure = error
                    return .refused
                }
            }
            if outcome == .refused { break }
        }
        return failure
    }

    /// Writes the records at hand to the channel and flushes it.
    func send(_ context: ChannelHandlerContext, promise: EventLoopPromise<Void>? = nil) {
        guard let connection else {
            promise?.fail(TLSError.connectionClosed)
            return
        }
        guard writeOutbound(connection, promise) else { return }
        if let writer { writer.flush() } else { context.flush() }
    }

    /// - Returns: whether there was anything to write.
    @discardableResult
    private func writeOutbound(_ connection: TLSConnection, _ promise: EventLoopPromise<Void>?) -> Bool {
        if promise == nil, sealedPromise == nil {
            guard let records = connection.takeOutbound() else { return false }
            write(records, nil)
            return true
        }
        var written = sealedPromise
        sealedPromise = nil
        written.setOrCascade(to: promise)
        let records = connection.takeOutbound()
        if records == nil, written == nil { return false }
        // With nothing to write, the promise still waits for what was written before.
        write(records ?? ByteBuffer(), written)
        return true
    }

    private func write(_ records: ByteBuffer, _ promise: EventLoopPromise<Void>?) {
        if let writer {
            writer.send(records, promise: promise)
        } else if let context {
            context.write(wrapOutboundOut(records), promise: promise)
        } else {
            promise?.fail(TLSError.connectionClosed)
        }
    }
}

extension TLSHandler: ByteSink {
    /// A write and a flush in one. To be called at the end of the tick alone, with ``flush()`` behind it: what breaks the
    /// connection brings events about.
    public func send(_ bytes: ByteBuffer) {
        guard state.isWritable else { return }
        switch sealNow(bytes) {
        case .sealed: break
        case .needsBytes:
            guard let context else { return }
            queue.append(bytes, nil)
            flush(context: context)
        case .failed(let error): if let context { fail(context, error) }
        }
    }

    public func flush() {
        if let writer { writer.flush() } else { context?.flush() }
    }

    /// Seals `bytes` and writes their records, where nothing waits before them.
    private func sealNow(_ bytes: ByteBuffer) -> TLSConnection.OnSealed {
        guard state.isSealing, !queue.hasFlushed, queue.queuedBytes == 0, let connection,
            bytes.readableBytes <= connection.outboundRoom
        else { return .needsBytes }
        connection.reserveOutbound(plaintext: bytes.readableBytes)
        let outcome = bytes.withUnsafeReadableBytes { connection.seal($0) }
        if case .sealed = outcome { writeOutbound(connection, nil) }
        return outcome
    }
}

extension ChannelHandlerContext {
    /// The TLS handler of the pipeline, for what is written in clear text at the pipeline's end; nil where there is none.
    public var tlsSink: (any ByteSink)? { tlsHandler }

    /// The TLS handler of the pipeline, if there is one.
    public var tlsHandler: TLSHandler? { try? pipeline.syncOperations.handler(type: TLSHandler.self) }
}

// MARK: - Ends

extension TLSHandler {
    func closeOutput(_ context: ChannelHandlerContext, _ promise: EventLoopPromise<Void>?) {
        switch state.closeOutput() {
        case .alreadyClosed: promise?.fail(ChannelError.outputClosed)
        case .wait:
            queue.flush()
            closeOutputPromise = promise
        case .sendCloseNotify:
            queue.flush()
            closeOutputPromise = promise
            sealQueued(context)
            send(context)
        }
    }

    func closeAll(_ context: ChannelHandlerContext, _ promise: EventLoopPromise<Void>?) {
        closePromise.setOrCascade(to: promise)
        switch state.close() {
        case .closeTransport: closeTransport(context)
        case .sendCloseNotify:
            queue.flush()
            if let connection, sealAll(connection) == nil { _ = connection.closeNotify() }
            sealedPromise.setOrCascade(to: closeOutputPromise)
            closeOutputPromise = nil
            linger(context)
        case .drain: linger(context)
        }
    }

    /// Closes the transport when all that was written is out, or after ``lingerTime``: a close does away with what the
    /// channel has not written yet.
    private func linger(_ context: ChannelHandlerContext) {
        let isWritten = context.eventLoop.makePromise(of: Void.self)
        isWritten.futureResult.assumeIsolated().whenComplete { _ in
            if self.state.phase == .closing { self.closeTransport(context) }
        }
        send(context, promise: isWritten)
        guard state.phase == .closing else { return }
        lingerTimer = context.eventLoop.assumeIsolated().scheduleTask(in: Self.lingerTime) {
            if self.state.phase == .closing { self.closeTransport(context) }
        }
    }

    private func closeTransport(_ context: ChannelHandlerContext) {
        state.end()
        let promise = closePromise
        closePromise = nil
        context.close(mode: .all, promise: promise)
        release(.connectionClosed)
    }

    /// Ends the connection for `error`: the alert that OpenSSL made goes out, everybody hears of it, the channel closes.
    func fail(_ context: ChannelHandlerContext, _ error: TLSError) {
        guard state.end() else { return }
        send(context)
        release(error)
        context.fireErrorCaught(error)
        context.close(mode: .all, promise: nil)
    }

    /// Lets go of everything; what waits fails with `error`.
    func release(_ error: TLSError) {
        lingerTimer?.cancel()
        lingerTimer = nil
        if let connection { buffers?.forget(connection) }
        connection = nil
        let waiting = [sealedPromise, closeOutputPromise].compactMap { $0 } + queue.removeAll()
        let closed = closePromise
        sealedPromise = nil
        closeOutputPromise = nil
        closePromise = nil
        for promise in waiting { promise.fail(error) }
        // A close that waited has come to its end with the channel.
        closed?.succeed()
    }
}
