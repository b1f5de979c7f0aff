// rtbridge: a health check by gRPC.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgeCore
import BridgeWire
import NIOCore

/// `grpc.health.v1.Health/Check` (gRPC health-checking.md), over the endpoint's own connections. A server that has no
/// health service is not taken for healthy: it says UNIMPLEMENTED, and that is the reason that is logged.
final class GRPCHealthProbe: GRPCCaller, HealthQuestion {
    let request: FieldBlock
    let client = ""
    let deadline: NIODeadline?
    let worker: Worker
    private let leg: GRPCBackLeg
    private let body: ByteBuffer
    private var answer = ByteBuffer()
    private var done: ((String?) -> Void)?

    init(_ connector: GRPCConnector, _ config: HealthCheck) {
        worker = connector.worker
        deadline = worker.now + TimeAmount(config.timeout)
        leg = GRPCBackLeg(connector: connector)
        body = Self.message(config.service)
        var fields = FieldBlock()
        fields.append(":method", "POST")
        fields.append(":scheme", connector.dialer.isClear ? "http" : "https")
        fields.append(":path", "/grpc.health.v1.Health/Check")
        fields.append(":authority", Dialer.text(connector.dialer.backend.endpoints[0]).utf8)
        fields.append("te", "trailers")
        fields.append("content-type", "application/grpc")
        request = fields
    }

    /// `HealthCheckRequest { string service = 1; }` in a gRPC frame.
    private static func message(_ service: String) -> ByteBuffer {
        var message = ByteBuffer()
        if !service.isEmpty {
            message.writeInteger(UInt8(0x0A))
            var length = service.utf8.count
            while length >= 0x80 {
                message.writeInteger(UInt8(length & 0x7F) | 0x80)
                length >>= 7
            }
            message.writeInteger(UInt8(length))
            message.writeString(service)
        }
        var frame = ByteBuffer()
        frame.writeInteger(UInt8(0))
        frame.writeInteger(UInt32(message.readableBytes))
        frame.writeBuffer(&message)
        return frame
    }

    func ask(_ done: @escaping (String?) -> Void) {
        self.done = done
        leg.begin(self)
    }

    func cancel() {
        done = nil
        leg.cancel()
    }

    private func finish(_ failure: String?) {
        let done = done
        self.done = nil
        done?(failure)
    }

    // MARK: What the leg says

    func backReady() {
        leg.deliver(body, [])
        leg.finish(nil)
    }

    func backOpened(_ head: FieldBlock?) {}

    func backBody(_ bytes: ByteBuffer, _ flags: BodyFlags) {
        if answer.readableBytes < 1024 { answer.writeImmutableBuffer(bytes) }
        leg.taken()
    }

    func backEnded(_ trailers: FieldBlock?) {
        let code = trailers?.first("grpc-status").flatMap { GRPCStatusCode(value: $0) } ?? .unknown
        guard code == .ok else { return finish("grpc.health.v1 answered \(code.name)") }
        finish(Self.isServing(answer) ? nil : "grpc.health.v1 answered NOT_SERVING")
    }

    func backFailed(_ failure: Failure) { finish("\(failure.phase.rawValue): \(failure.reason)") }

    func backWritable() {}

    /// `HealthCheckResponse { ServingStatus status = 1; }`: SERVING is 1.
    private static func isServing(_ frame: ByteBuffer) -> Bool {
        Array(frame.readableBytesView.dropFirst(5)) == [0x08, 1]
    }
}

@available(*, unavailable)
extension GRPCHealthProbe: Sendable {}
