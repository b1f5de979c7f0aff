// rtbridge: one call to the bridge's own health service.
// SPDX-License-Identifier: Apache-2.0

import BridgeCore
import BridgeWire
import NIOCore

/// The whole request is read, then answered; `Watch` goes on until the client or the bridge ends it.
///
/// ```
/// reading ──Check──▶ over
///    └──Watch──▶ watching ──(drain | client gone)──▶ over
/// ```
/// A watcher that is slow misses what was so in between, and never what is so now.
final class HealthLeg: BackLeg {
    private enum Phase { case reading, over, watching(String) }

    /// A service name is no longer than this.
    private static let maximumRequest = 4096
    /// How long the request may take.
    private static let requestTime = TimeAmount.seconds(10)

    private let connector: HealthConnector
    private var exchange: Exchange?
    private var phase = Phase.reading
    private var request = ByteBuffer()
    private var timer: WheelTimer?
    /// What the watcher was told last, and whether that has left.
    private var told: HealthMessage.Status?
    private var isTaken = true

    init(_ connector: HealthConnector) { self.connector = connector }

    var isWritable: Bool { true }
    var staysOpenAfterEnd: Bool { false }
    var address: String? { nil }

    func open(_ exchange: Exchange) {
        self.exchange = exchange
        timer = exchange.worker.timers.schedule(at: exchange.worker.now + Self.requestTime, self)
        exchange.backReady()
    }

    func deliver(_ bytes: ByteBuffer, _ flags: BodyFlags) {
        guard request.readableBytes + bytes.readableBytes <= Self.maximumRequest else {
            let failure = Failure(.messageTooBig, .front, .body, "a health request of more than 4 KiB")
            exchange?.backFailed(failure)
            return
        }
        request.writeImmutableBuffer(bytes)
    }

    func finish(_ trailers: FieldBlock?) {
        guard let exchange else { return }
        timer?.cancel()
        let path = exchange.request.string(":path")
        guard path == "/grpc.health.v1.Health/Check" || path == "/grpc.health.v1.Health/Watch" else {
            return end(.unimplemented, "of grpc.health.v1.Health the bridge answers Check and Watch alone")
        }
        guard let service = HealthMessage.service(request) else {
            return end(.invalidArgument, "not a HealthCheckRequest")
        }
        guard path == "/grpc.health.v1.Health/Check" else { return watch(service, exchange) }
        let status = connector.status(service)
        guard status != .serviceUnknown else { return end(.notFound, "no route has the name \(service)") }
        exchange.backOpened(FieldBlock())
        exchange.backBody(HealthMessage.response(status))
        end(.ok, "")
    }

    // MARK: Watch

    /// gRPC health-checking.md: "The server will immediately send back a message indicating the current serving
    /// status"; for a service that is unknown it "must not" end the call.
    private func watch(_ service: String, _ exchange: Exchange) {
        phase = .watching(service)
        connector.watch(self)
        exchange.backOpened(FieldBlock())
        stateChanged()
    }

    /// "It will then subsequently send a new message whenever the service's serving status changes." A drain ends the
    /// call after it: who goes on watching would hold the drain until its time is over.
    func stateChanged() {
        guard case .watching(let service) = phase, isTaken else { return }
        let status = connector.status(service)
        if status != told {
            told = status
            isTaken = false
            exchange?.backBody(HealthMessage.response(status))
        }
        guard isTaken, connector.isDraining else { return }
        end(.unavailable, "rtbridge is shutting down")
    }

    func taken() {
        guard !isTaken else { return }
        isTaken = true
        // Nothing is said from within what is being said.
        exchange?.worker.eventLoop.assumeIsolated().execute { self.stateChanged() }
    }

    private func end(_ code: GRPCStatusCode, _ message: String) {
        guard let exchange else { return }
        over()
        var trailers = FieldBlock()
        trailers.append("grpc-status", String(code.rawValue).utf8)
        if !message.isEmpty { trailers.append("grpc-message", GRPCMessageText.encode(message).utf8) }
        exchange.backEnded(trailers)
    }

    private func over() {
        phase = .over
        exchange = nil
        timer?.cancel()
        connector.watchNoMore(self)
    }

    func detach() { over() }
    func cancel() { over() }
}

extension HealthLeg: WheelTimerTarget {
    func timerFired(_ timer: WheelTimer) {
        guard case .reading = phase, let exchange else { return }
        exchange.backFailed(Failure(.idleTimeout, .front, .body, "the health request took longer than 10 s"))
    }
}

@available(*, unavailable)
extension HealthLeg: Sendable {}
