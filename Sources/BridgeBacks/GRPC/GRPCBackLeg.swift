// rtbridge: a call's stream on a connection to its back-end.
// SPDX-License-Identifier: Apache-2.0

import BridgeCore
import BridgePolicy
import BridgeWire
import HTTP2Session
import NIOCore

/// One call (gRPC PROTOCOL-HTTP2.md). What comes back is either gRPC, and passed on frame for frame, or it is not, and
/// becomes a failure that says what it was (gRPC http-grpc-status-mapping.md).
///
/// ```
/// waiting ──start──▶ asked ──head──▶ answering ──trailers + END_STREAM──▶ over
///    ▲                 ├──trailers only──────────────────────────────────▶
///    └──never seen─────┤
///                      └──head of something else──▶ collecting ──────────▶
/// ```
final class GRPCBackLeg: BackLeg {
    /// How much of an answer that is not gRPC goes into the message.
    static let maximumForeignBody = 16 * 1024

    private enum Phase { case waiting, asked, answering, collecting, over }

    private var connector: GRPCConnector!
    /// Who chooses the connector, where there are several.
    let balancer: GRPCBalancer?
    private var phase = Phase.waiting
    private(set) var caller: (any GRPCCaller)?
    /// Whether the caller itself tries again what no application has seen.
    private let isAttempt: Bool
    /// There is one once the call has begun anew.
    private var repetition: GRPCRepetition?
    private var hasFrontEnded = false
    private var connection: GRPCBackConnection?
    private var stream: GRPCBackStream?
    private var trailers: FieldBlock?
    private var foreignHead: FieldBlock?
    private var foreignBody: ByteBuffer?
    /// Bytes that the front has not taken yet.
    private var untaken = 0
    private(set) var address: String?
    /// What the balancer keeps about the call.
    let balancing: BalancedCall!
    /// Why no application has seen the call, where that is how it failed.
    private(set) var unseen: TransparentRetries.Reason?

    /// - Parameter isAttempt: the call is one attempt of a caller that decides by itself about others.
    init(connector: GRPCConnector, isAttempt: Bool = false) {
        self.connector = connector
        self.isAttempt = isAttempt
        balancer = nil
        balancing = nil
    }

    init(balancer: GRPCBalancer, isAttempt: Bool) {
        self.balancer = balancer
        self.isAttempt = isAttempt
        balancing = BalancedCall()
    }

    var isWritable: Bool { stream?.isWritable ?? false }
    var staysOpenAfterEnd: Bool { false }

    // MARK: Commands of the exchange

    func open(_ exchange: Exchange) { begin(exchange) }

    func begin(_ caller: any GRPCCaller) {
        self.caller = caller
        acquire()
    }

    private func acquire() {
        if let balancer { balancer.acquire(self) } else { connector.acquire(self) }
    }

    /// A connection is there.
    func start(on connection: GRPCBackConnection) {
        guard let caller, phase == .waiting else { return }
        address = connection.address
        var fields = caller.request
        if let deadline = caller.deadline {
            let rest = Duration.nanoseconds((deadline - caller.worker.now).nanoseconds)
            fields.append("grpc-timeout", GRPCTimeout.encode(rest).utf8)
        }
        // A connection that takes no more streams has left the connector: there is another one, or there will be.
        guard let stream = connection.open(fields, self) else { return acquire() }
        self.connection = connection
        self.stream = stream
        phase = .asked
        guard let repetition else {
            if !isAttempt { stream.keepWritten() }
            return caller.backReady()
        }
        stream.keepWritten()
        repetition.say(on: stream)
        if hasFrontEnded { stream.finish(nil) }
        caller.backWritable()
    }

    func failedToConnect(_ failure: Failure) {
        address = failure.address
        if let dial = connector.lastDial {
            caller?.noteStep(
                began: dial.began, took: dial.took, address: address, phase: failure.phase, failure.reason)
        }
        if let balancer, balancer.tryNext(self, failure) { return }
        end { $0.backFailed(failure) }
    }

    func deliver(_ bytes: ByteBuffer, _ flags: BodyFlags) {
        if let stream { stream.write(bytes) } else { repetition?.append(bytes) }
    }

    func finish(_ trailers: FieldBlock?) {
        hasFrontEnded = true
        stream?.finish(nil)
    }

    func detach() { cancel() }

    func cancel() {
        caller = nil
        if phase == .waiting { connector?.abandon(self) }
        becomeOver(.given)
        stream?.reset(.cancel)
    }

    func taken() {
        guard untaken > 0 else { return }
        stream?.consume(untaken)
        untaken = 0
    }

    /// The connection takes no more calls.
    func connectionLeaves() { caller?.backLeaving() }

    // MARK: Commands of the balancer

    var isWaiting: Bool { phase == .waiting }

    func assign(_ connector: GRPCConnector) {
        self.connector = connector
        connector.acquire(self)
    }

    /// Leaves the connector, for another one.
    func withdraw() { connector?.abandon(self) }

    func refuse(_ failure: Failure) {
        address = failure.address ?? address
        end(.given) { $0.backFailed(failure) }
    }

    // MARK: Once more

    /// gRPC A6, "Transparent Retries": what no application has seen is tried again, "regardless of the retry
    /// configuration". Without a policy that holds for requests of up to ``HTTP2Stream/maximumKept`` bytes so far.
    private func beginAgain(_ written: ByteBuffer?, _ reason: TransparentRetries.Reason) -> Bool {
        guard !isAttempt, let written else { return false }
        let repetition = repetition ?? GRPCRepetition()
        guard repetition.begin(written, reason) else { return false }
        self.repetition = repetition
        phase = .waiting
        balancing?.forget()
        caller?.begunAnew()
        acquire()
        return true
    }

    // MARK: Ends

    private func end(_ outcome: GRPCOutcome = .failed, _ tell: (any GRPCCaller) -> Void) {
        becomeOver(outcome)
        guard let caller else { return }
        self.caller = nil
        tell(caller)
    }

    private func becomeOver(_ outcome: GRPCOutcome) {
        guard phase != .over else { return }
        phase = .over
        balancer?.ended(self, outcome)
    }

    private func fail(_ kind: Failure.Kind, _ phase: Failure.Phase, _ reason: String, grpcCode: Int? = nil) {
        fail(Failure(kind, .back, phase, reason, address: address, grpcCode: grpcCode))
    }

    private func fail(_ failure: Failure) {
        noteSteps(of: connection)
        end { $0.backFailed(failure) }
        stream?.reset(.cancel)
    }

    private func foreignAnswerEnded() {
        let head = foreignHead ?? FieldBlock()
        let status = head.string(":status") ?? "?"
        var reason = "the back-end did not answer in gRPC: HTTP \(status)"
        if let type = head.string("content-type") { reason += ", content-type \(type)" }
        let code = Int(GRPCStatusCode(httpStatus: Int(status) ?? 0).rawValue)
        var failure = Failure(.notGRPC, .back, .headers, reason, address: address, grpcCode: code)
        if let foreignBody, foreignBody.readableBytes > 0 { failure.detail = String(buffer: foreignBody) }
        fail(failure)
    }
}

// MARK: - Events of the stream

extension GRPCBackLeg {
    func http2Fields(_ fields: consuming FieldBlock, kind: HTTP2FieldsKind, isTooLarge: Bool) {
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
        caller?.backOpened(head)
    }

    private static func isGRPC(_ head: FieldBlock) -> Bool {
        guard head.withFirst(":status", { FieldBytes.areEqual($0, "200") }) == true else { return false }
        return head.withFirst("content-type") { GRPCWebContentType.isNative($0) } ?? false
    }

    func http2Body(_ bytes: ByteBuffer) {
        switch phase {
        case .answering:
            untaken += bytes.readableBytes
            caller?.backBody(bytes, [])
        case .collecting:
            stream?.consume(bytes.readableBytes)
            collect(bytes)
        case .waiting, .asked, .over:
            stream?.consume(bytes.readableBytes)
        }
    }

    private func collect(_ bytes: ByteBuffer) {
        var (bytes, collected) = (bytes, foreignBody.take() ?? ByteBuffer())
        let room = Self.maximumForeignBody - collected.readableBytes
        if var piece = bytes.readSlice(length: min(room, bytes.readableBytes)) { collected.writeBuffer(&piece) }
        foreignBody = collected
        if collected.readableBytes >= Self.maximumForeignBody { foreignAnswerEnded() }
    }

    func http2Ended() {
        guard phase != .over else { return }
        let received = trailers.take()
        guard let trailers = received, trailers.contains("grpc-status") else {
            guard phase == .answering || received == nil && foreignHead == nil else { return foreignAnswerEnded() }
            // http-grpc-status-mapping.md: 200 without a grpc-status is UNKNOWN.
            return fail(.notGRPC, .body, "the back-end ended the call without a grpc-status", grpcCode: 2)
        }
        end(balancer == nil ? .given : .of(trailers)) { $0.backEnded(trailers) }
    }

    func http2Writable() { caller?.backWritable() }

    func http2Closed(_ errorCode: HTTP2ErrorCode, wasNotSent: Bool) {
        let (stream, connection) = (stream, connection)
        self.stream = nil
        self.connection = nil
        defer { connection?.streamClosed() }
        guard phase != .over else { return }
        if wasNotSent, phase == .asked {
            let reason: TransparentRetries.Reason = errorCode == .refusedStream ? .refused : .neverSent
            unseen = reason
            if beginAgain(stream?.written, reason) { return }
        }
        noteSteps(of: connection)
        if let lost = connection?.lossFailure { return fail(lost) }
        let reason = "the back-end reset the stream: \(errorCode)"
        if wasNotSent {
            fail(.refused, .headers, reason, grpcCode: 14)
        } else {
            fail(.streamReset, .body, reason, grpcCode: Int(GRPCStatusCode(http2Error: errorCode.rawValue).rawValue))
        }
    }
}
