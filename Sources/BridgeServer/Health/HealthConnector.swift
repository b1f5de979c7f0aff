// rtbridge: grpc.health.v1, answered by the bridge itself.
// SPDX-License-Identifier: Apache-2.0

import BridgeCore
import BridgeWire
import NIOCore

/// A back-end without a network: `grpc.health.v1.Health` (gRPC health-checking.md). `Check` knows the empty service
/// name, which stands for the bridge, and the names of routes.
final class HealthConnector: BackConnector {
    private let state: HealthState
    /// The back-end of each route.
    private let backends: [String: String]

    init(state: HealthState, backends: [String: String]) {
        self.state = state
        self.backends = backends
    }

    func makeLeg() -> any BackLeg { HealthLeg(self) }
    func probe(_ done: @escaping (Failure?) -> Void) { done(nil) }
    func shutdown() {}

    /// - Returns: whether the service is served; nil if there is none of that name.
    func isServing(_ service: String) -> Bool? {
        guard !service.isEmpty else { return state.reasons.isEmpty }
        return backends[service].map { state.isServing(backend: $0) }
    }
}

/// One health call: the whole request is read, then answered.
final class HealthLeg: BackLeg {
    /// A service name is no longer than this.
    private static let maximumRequest = 4096

    private let connector: HealthConnector
    private var exchange: Exchange?
    private var request = ByteBuffer()

    init(_ connector: HealthConnector) { self.connector = connector }

    var isWritable: Bool { true }
    var staysOpenAfterEnd: Bool { false }
    var address: String? { nil }

    func open(_ exchange: Exchange) {
        self.exchange = exchange
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
        guard exchange.request.string(":path") == "/grpc.health.v1.Health/Check" else {
            return end(exchange, .unimplemented, "of grpc.health.v1.Health the bridge answers Check alone")
        }
        guard let service = HealthMessage.service(request) else {
            return end(exchange, .invalidArgument, "not a HealthCheckRequest")
        }
        guard let isServing = connector.isServing(service) else {
            return end(exchange, .notFound, "no route has the name \(service)")
        }
        exchange.backOpened(FieldBlock())
        exchange.backBody(HealthMessage.response(isServing: isServing))
        end(exchange, .ok, "")
    }

    private func end(_ exchange: Exchange, _ code: GRPCStatusCode, _ message: String) {
        self.exchange = nil
        var trailers = FieldBlock()
        trailers.append("grpc-status", String(code.rawValue).utf8)
        if !message.isEmpty { trailers.append("grpc-message", GRPCMessageText.encode(message).utf8) }
        exchange.backEnded(trailers)
    }

    func detach() { exchange = nil }
    func cancel() { exchange = nil }
    func taken() {}
}

/// The two messages of grpc.health.v1, in protobuf's wire format.
enum HealthMessage {
    /// `HealthCheckRequest { string service = 1; }` in a gRPC frame.
    /// - Returns: nil if it is none.
    static func service(_ frame: ByteBuffer) -> String? {
        var frame = frame
        guard let flag = frame.readInteger(as: UInt8.self), flag == 0,
            let length = frame.readInteger(as: UInt32.self), Int(length) == frame.readableBytes
        else { return nil }
        guard length > 0 else { return "" }
        guard frame.readInteger(as: UInt8.self) == 0x0A, let count = readVarint(&frame), count == frame.readableBytes
        else { return nil }
        return frame.readString(length: count)
    }

    private static func readVarint(_ buffer: inout ByteBuffer) -> Int? {
        var value = 0
        for shift in stride(from: 0, to: 21, by: 7) {
            guard let byte = buffer.readInteger(as: UInt8.self) else { return nil }
            value |= Int(byte & 0x7F) << shift
            if byte & 0x80 == 0 { return value }
        }
        return nil
    }

    /// `HealthCheckResponse { ServingStatus status = 1; }`: SERVING is 1, NOT_SERVING is 2.
    static func response(isServing: Bool) -> ByteBuffer {
        ByteBuffer(bytes: [0, 0, 0, 0, 2, 0x08, isServing ? 1 : 2])
    }
}
