// rtbridge: how a call of the demo's gRPC server ends.
// SPDX-License-Identifier: Apache-2.0

import BridgeWire

/// A gRPC status with its message.
struct GreeterStatus: Error, Equatable {
    /// The codes that are used here (gRPC statuscodes.md).
    enum Code: Int {
        case ok = 0
        case resourceExhausted = 8
        case unimplemented = 12
        case `internal` = 13
    }

    static let ok = GreeterStatus(.ok, "")

    var code: Code
    var message: String

    init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    init(_ problem: MessageReader.Problem) {
        switch problem {
        case .compressed:
            self.init(.unimplemented, "compressed requests are not taken: grpc-accept-encoding is identity")
        case .tooLong(let length):
            let limit = MessageReader.maximumMessage
            self.init(.resourceExhausted, "a request of \(length) bytes: at most \(limit) are taken")
        }
    }

    /// As trailers.
    var fields: FieldBlock {
        var fields = FieldBlock()
        fields.append("grpc-status", String(code.rawValue).utf8)
        if !message.isEmpty { fields.append("grpc-message", Self.percentEncoded(message)) }
        if code == .unimplemented { fields.append("grpc-accept-encoding", "identity") }
        return fields
    }

    /// gRPC PROTOCOL-HTTP2.md, "Percent-Encoded": %x20-%x24 / %x26-%x7E pass as they are.
    private static func percentEncoded(_ text: String) -> [UInt8] {
        let digits = Array("0123456789ABCDEF".utf8)
        return text.utf8.flatMap { byte -> [UInt8] in
            let isPlain = (0x20...0x7E).contains(byte) && byte != UInt8(ascii: "%")
            return isPlain ? [byte] : [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
        }
    }
}
