// rtbridge: a health check by gRPC.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgeCore
import BridgePolicy
import BridgeWire
import NIOCore

/// `grpc.health.v1.Health/Watch` or `Check` (gRPC health-checking.md), over the endpoint's own connections. A server
/// that has no health service is not taken for healthy: it says UNIMPLEMENTED, and that is the reason that is logged.
/// (gRFC A17 has clients take it for healthy: they check unasked, and here somebody has asked for it.)
final class GRPCHealthProbe: GRPCCaller, HealthQuestion {
    /// A response is two bytes.
    private static let maximumResponse = 1024

    let request: FieldBlock
    let client = ""
    let deadline: NIODeadline?
    let worker: Worker
    private let way: HealthAsking.Way
    private let leg: GRPCBackLeg
    private let body: ByteBuffer
    private var received = ByteBuffer()
    private var status: HealthMessage.Status?
    private var tell: ((HealthAnswer) -> Void)?

    init(_ connector: GRPCConnector, _ config: HealthCheck, _ way: HealthAsking.Way) {
        worker = connector.worker
        self.way = way
        let method: String
        switch way {
        case .check:
            method = "Check"
            deadline = worker.now + TimeAmount(config.timeout)
        case .watch:
            method = "Watch"
            deadline = nil
        }
        leg = GRPCBackLeg(connector: connector)
        body = HealthMessage.request(config.service)
        var fields = FieldBlock()
        fields.append(":method", "POST")
        fields.append(":scheme", connector.dialer.isClear ? "http" : "https")
        fields.append(":path", "/grpc.health.v1.Health/\(method)".utf8)
        fields.append(":authority", connector.dialer.backend.endpoints[0].authority.utf8)
        fields.append("te", "trailers")
        fields.append("content-type", "application/grpc")
        request = fields
    }

    func ask(_ tell: @escaping (HealthAnswer) -> Void) {
        self.tell = tell
        leg.begin(self)
    }

    func cancel() {
        tell = nil
        leg.cancel()
    }

    private func finish(_ answer: HealthAnswer) {
        let tell = tell
        self.tell = nil
        tell?(answer)
    }

    // MARK: What the leg says

    func backReady() {
        leg.deliver(body, [])
        leg.finish(nil)
    }

    func backOpened(_ head: FieldBlock?) {}

    func backBody(_ bytes: ByteBuffer, _ flags: BodyFlags) {
        received.writeImmutableBuffer(bytes)
        leg.taken()
        while tell != nil, received.readableBytes >= GRPCFrame.prefixLength {
            guard let length = received.getInteger(at: received.readerIndex + 1, as: UInt32.self),
                received.getInteger(at: received.readerIndex, as: UInt8.self) == 0, length <= Self.maximumResponse
            else { return refuse() }
            guard received.readableBytes >= GRPCFrame.prefixLength + Int(length) else { return }
            received.moveReaderIndex(forwardBy: GRPCFrame.prefixLength)
            guard let message = received.readSlice(length: Int(length)), let status = HealthMessage.status(message)
            else { return refuse() }
            received.discardReadBytes()
            answered(status)
        }
    }

    private func refuse() {
        leg.cancel()
        finish(.broken("grpc.health.v1 answered something that is no HealthCheckResponse"))
    }

    private func answered(_ status: HealthMessage.Status) {
        self.status = status
        if way == .watch { tell?(.now(Self.failure(status))) }
    }

    private static func failure(_ status: HealthMessage.Status) -> String? {
        status == .serving ? nil : "grpc.health.v1 answered \(status.name)"
    }

    func backEnded(_ trailers: FieldBlock?) {
        let code = trailers?.first("grpc-status").flatMap { GRPCStatusCode(value: $0) } ?? .unknown
        switch (code, way) {
        case (.unimplemented, _): finish(.unimplemented("grpc.health.v1 answered UNIMPLEMENTED"))
        case (.ok, .watch): finish(.broken("the server ended grpc.health.v1.Health/Watch"))
        case (.ok, .check): finish(.once(Self.failure(status ?? .unknown)))
        case (_, .watch): finish(.broken("grpc.health.v1 answered \(code.name)"))
        case (_, .check): finish(.once("grpc.health.v1 answered \(code.name)"))
        }
    }

    func backFailed(_ failure: Failure) {
        // An HTTP/2 server that is not gRPC's answers 404 or the like (gRPC http-grpc-status-mapping.md).
        if failure.grpcCode == Int(GRPCStatusCode.unimplemented.rawValue) {
            return finish(.unimplemented("\(failure.phase.rawValue): \(failure.reason)"))
        }
        finish(.broken("\(failure.phase.rawValue): \(failure.reason)"))
    }

    func backWritable() {}

    /// A Watch that stayed would keep a server from ending in order, and would say nothing of the one that comes next.
    func backLeaving() {
        guard way == .watch, tell != nil else { return }
        leg.cancel()
        finish(.left)
    }
}

@available(*, unavailable)
extension GRPCHealthProbe: Sendable {}
