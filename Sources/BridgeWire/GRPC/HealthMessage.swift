// rtbridge: the two messages of grpc.health.v1, in protobuf's wire format.
// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// `HealthCheckRequest` and `HealthCheckResponse` (gRPC health-checking.md), each in a gRPC frame.
public enum HealthMessage {
    /// `ServingStatus` of a `HealthCheckResponse`.
    public enum Status: Int, Sendable {
        case unknown = 0
        case serving = 1
        case notServing = 2
        /// "Used only by the Watch method."
        case serviceUnknown = 3

        /// As the protocol spells it.
        public var name: String {
            switch self {
            case .unknown: "UNKNOWN"
            case .serving: "SERVING"
            case .notServing: "NOT_SERVING"
            case .serviceUnknown: "SERVICE_UNKNOWN"
            }
        }
    }

    /// The key of field 1 of wire type 2 (LEN) and of wire type 0 (VARINT): protobuf's "Encoding", "Message Structure".
    private static let textKey: UInt8 = 0x0A
    private static let numberKey: UInt8 = 0x08

    /// `HealthCheckRequest { string service = 1; }` in a frame.
    public static func request(_ service: String) -> ByteBuffer {
        var message = ByteBuffer()
        if !service.isEmpty {
            message.writeInteger(textKey)
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

    /// The service of a request's frame.
    /// - Returns: nil if it is none.
    public static func service(_ frame: ByteBuffer) -> String? {
        var frame = frame
        guard let flag = frame.readInteger(as: UInt8.self), flag == 0,
            let length = frame.readInteger(as: UInt32.self), Int(length) == frame.readableBytes
        else { return nil }
        guard length > 0 else { return "" }
        guard frame.readInteger(as: UInt8.self) == textKey, let count = readVarint(&frame), count == frame.readableBytes
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

    /// `HealthCheckResponse { ServingStatus status = 1; }` in a frame.
    public static func response(_ status: Status) -> ByteBuffer {
        ByteBuffer(bytes: [0, 0, 0, 0, 2, numberKey, UInt8(status.rawValue)])
    }

    /// The status of a response without its frame. proto3 leaves out a field of its default value, which is UNKNOWN.
    /// - Returns: nil if it is no response that this bridge knows.
    public static func status(_ message: ByteBuffer) -> Status? {
        guard message.readableBytes > 0 else { return .unknown }
        var message = message
        guard message.readInteger(as: UInt8.self) == numberKey, let value = readVarint(&message),
            message.readableBytes == 0
        else { return nil }
        return Status(rawValue: value)
    }
}
