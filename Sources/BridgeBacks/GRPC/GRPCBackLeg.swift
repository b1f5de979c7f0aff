// rtbridge: a call's stream on a connection to its back-end.
// SPDX-License-Identifier: Apache-2.0

import BridgeCore
import BridgeWire
import HTTP2Session
import NIOCore

/// One call (gRPC PROTOCOL-HTTP2.md). What comes back is either gRPC, and passed on frame for frame, or it is not, and
/// becomes a failure that says what it was (gRPC http-grpc-status-mapping.md).
///
/// ```
/// waiting ──start──▶ asked ──head──▶ answering ──trailers + END_STREAM──▶ over
///                      ├──trailers only──────────────────────────────────▶
///                      └──head of something else──▶ collecting ──────────▶
/// ```
final class GRPCBackLeg: BackLeg {
    /// How much of an answer that is not gRPC goes into the message.
    static let maximumForeignBody = 16 * 1024

    private enum Phase { case waiting, asked, answering, collecting, over }

    private let connector: GRPCConnector
    private var phase = Phase.waiting
    private var exchange: Exchange?
    private var connection: GRPCBackConnection?
    private var stream: HTTP2Stream?
    private var trailers: FieldBlock?
    private var foreignHead: FieldBlock?
    private var foreignBody = ByteBuffer()
    /// Bytes that the front has not taken yet.
    private var untaken = 0
    private(set) var address: String?

    init(connector: GRPCConnector) { self.connector = connector }

    var isWritable: Bool { stream?.isWritable ?? false }
    var staysOpenAfterEnd: Bool { false }

    // MARK: Commands of the exchange

    func open(_ exchange: Exchange) {
        self.exchange = exchange
        connector.acquire(self)
    }

    /// A connection is there.
    func start(on connection: GRPCBackConnection) {
        guard let exchange, phase == .waiting else { return }
        address = connection.address
        var fields = exchange.request
        if let deadline = exchange.deadline {
            let rest = Duration.nanoseconds((deadline - exchange.worker.now).nanoseconds)
            fields.append("grpc-timeout", GRPCTimeout.encode(rest).utf8)
        }
        // A connection that takes no more streams has left the connector: there is another one, or there will be.
        guard let stream = connection.open(fields, self) else { return connector.acquire(self) }
        self.connection = connection
        self.stream = stream
        phase = .asked
        exchange.backReady()
    }

    func failedToConnect(_ failure: Failure) {
        address = failure.address
        end { $0.backFailed(failure) }
    }

    func deliver(_ bytes: ByteBuffer, _ flags: BodyFlags) { stream?.write(bytes) }

    func finish(_ trailers: FieldBlock?) { stream?.finish(nil) }

    func detach() { cancel() }

    func cancel() {
        exchange = nil
        if phase == .waiting { connector.abandon(self) }
        phase = .over
        stream?.reset(.cancel)
    }

    func taken() {
        guard untaken > 0 else { return }
        stream?.consume(untaken)
        untaken = 0
    }

    // MARK: Ends

    private func end(_ tell: (Exchange) -> Void) {
        phase = .over
        guard let exchange else { return }
        self.exchange = nil
        tell(exchange)
    }

    private func fail(_ kind: Failure.Kind, _ phase: Failure.Phase, _ reason: String, grpcCode: Int? = nil) {
        end { $0.backFailed(Failure(kind, .back, phase, reason, address: address, grpcCode: grpcCode)) }
        stream?.reset(.cancel)
    }

    private func foreignAnswerEnded() {
        let head = foreignHead ?? FieldBlock()
        let status = head.string(":status") ?? "?"
        var reason = "the back-end did not answer in gRPC: HTTP \(status)"
        if let type = head.string("content-type") { reason += ", content-type \(type)" }
        let body = String(buffer: foreignBody)
        if !body.isEmpty { reason += ": \(body)" }
        fail(.notGRPC, .headers, reason, grpcCode: Int(GRPCStatusCode(httpStatus: Int(status) ?? 0).rawValue))
    }
}

extension GRPCBackLeg: HTTP2StreamDelegate {
    func http2Fields(_ fields: FieldBlock, kind: HTTP2FieldsKind, isTooLarge: Bool) {
        guard phase != .over else { return }
        guard !isTooLarge else {
            return fail(.protocolViolation, .headers, "header fields of more than 64 KiB", grpcCode: 8)
        }
        switch kind {
        case .informational: break
        case .trailers: trailers = fields
        case .head: headReceived(fields)
        }
    }

    private func headReceived(_ head: FieldBlock) {
        if head.contains("grpc-status"), stream?.hasPeerEnded == true {
            trailers = head
            return
        }
        guard Self.isGRPC(head) else {
            phase = .collecting
            foreignHead = head
            return
        }
        phase = .answering
        exchange?.backOpened(head)
    }

    private static func isGRPC(_ head: FieldBlock) -> Bool {
        guard let status = head.first(":status"), status.elementsEqual("200".utf8) else { return false }
        return head.first("content-type").map { GRPCWebContentType.isNative($0) } ?? false
    }

    func http2Body(_ bytes: ByteBuffer) {
        switch phase {
        case .answering:
            untaken += bytes.readableBytes
            exchange?.backBody(bytes)
        case .collecting:
            let room = Self.maximumForeignBody - foreignBody.readableBytes
            var bytes = bytes
            stream?.consume(bytes.readableBytes)
            if var piece = bytes.readSlice(length: min(room, bytes.readableBytes)) { foreignBody.writeBuffer(&piece) }
            if foreignBody.readableBytes >= Self.maximumForeignBody { foreignAnswerEnded() }
        case .waiting, .asked, .over:
            stream?.consume(bytes.readableBytes)
        }
    }

    func http2Ended() {
        guard phase != .over else { return }
        guard let trailers, trailers.contains("grpc-status") else {
            guard phase == .answering || trailers == nil && foreignHead == nil else { return foreignAnswerEnded() }
            // http-grpc-status-mapping.md: 200 without a grpc-status is UNKNOWN.
            return fail(.notGRPC, .body, "the back-end ended the call without a grpc-status", grpcCode: 2)
        }
        end { $0.backEnded(trailers) }
    }

    func http2Writable() { exchange?.backWritable() }

    func http2Closed(_ errorCode: HTTP2ErrorCode, wasNotSent: Bool) {
        defer {
            stream = nil
            connection?.streamClosed()
            connection = nil
        }
        guard phase != .over else { return }
        if let lost = connection?.lossFailure { return end { $0.backFailed(lost) } }
        let reason = "the back-end reset the stream: \(errorCode)"
        if wasNotSent {
            fail(.refused, .headers, reason, grpcCode: 14)
        } else {
            fail(.streamReset, .body, reason, grpcCode: Int(GRPCStatusCode(http2Error: errorCode.rawValue).rawValue))
        }
    }
}
