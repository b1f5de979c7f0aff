// rtbridge: a gRPC call that is asked for by GET.
// SPDX-License-Identifier: Apache-2.0

import BridgeCore
import BridgeWire
import NIOCore

/// A GET has no body: the request message stands in the query as base64 or base64url (RFC 4648 §4, §5), `?message=…`, and
/// is an empty one without it.
enum SSECall {
    private static let parameter = "message="

    static func fields(_ head: RequestHead) -> FieldBlock {
        var fields = FieldBlock()
        GRPCFields.request(head, contentType: "application/grpc").forEach {
            name, value in
            guard !dropped.contains(name) else { return }
            fields.append(lowercaseName: name, value: value)
        }
        return fields
    }

    /// Of the event stream's request, and not of the call.
    private static let dropped: FieldNames = ["accept", "cache-control", "last-event-id", "accept-encoding", "pragma"]

    /// The message in its gRPC frame.
    static func message(_ head: RequestHead) -> Result<ByteBuffer, SSERefusal> {
        var message = ByteBuffer()
        let pairs = head.query?.split(separator: UInt8(ascii: "&")) ?? []
        if let pair = pairs.first(where: { $0.starts(with: parameter.utf8) }) {
            guard let bytes = decode(pair.dropFirst(parameter.utf8.count)) else {
                return .failure(SSERefusal(status: 400, text: "The message in the query is not base64."))
            }
            message = bytes
        }
        var frame = ByteBuffer()
        frame.writeInteger(UInt8(0))
        frame.writeInteger(UInt32(message.readableBytes))
        frame.writeBuffer(&message)
        return .success(frame)
    }

    private static func decode(_ text: FieldValue) -> ByteBuffer? {
        var standard = text.map { byte in
            switch byte {
            case UInt8(ascii: "-"): UInt8(ascii: "+")
            case UInt8(ascii: "_"): UInt8(ascii: "/")
            // What a form's encoding has made of a plus.
            case UInt8(ascii: " "): UInt8(ascii: "+")
            default: byte
            }
        }
        if let escape = standard.firstIndex(of: UInt8(ascii: "%")) {
            guard let plain = String(decoding: standard[escape...], as: UTF8.self).unescapedBase64 else { return nil }
            standard = standard[..<escape] + plain
        }
        while standard.count % 4 != 0 { standard.append(UInt8(ascii: "=")) }
        var decoder = Base64Decoder()
        var message = ByteBuffer()
        let isBase64 = standard.withUnsafeBytes { (try? decoder.write($0, into: &message)) != nil }
        return isBase64 ? message : nil
    }

    // MARK: The end

    /// What is told of the call's end.
    static func status(_ trailers: FieldBlock?) -> String {
        let code = trailers?.string("grpc-status").flatMap { Int($0) } ?? 2
        let message = trailers?.string("grpc-message").map { $0.percentDecoded } ?? ""
        return status(code: code, message: message)
    }

    static func status(code: Int?, message: String) -> String {
        let code = code.map { #""code":\#($0),"# } ?? ""
        return "{\(code)\"message\":\(message.jsonText)}"
    }
}

extension String {
    /// RFC 8259 §7.
    fileprivate var jsonText: String {
        var text = "\""
        for scalar in unicodeScalars {
            switch scalar {
            case "\"", "\\": text += "\\" + String(scalar)
            case "\u{20}"...: text.unicodeScalars.append(scalar)
            default: text += "\\u00" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
            }
        }
        return text + "\""
    }

    /// The three characters of base64 that stand escaped in queries: `+`, `/` and `=`.
    fileprivate var unescapedBase64: [UInt8]? {
        let plain = replacing("%2B", with: "+").replacing("%2b", with: "+").replacing("%2F", with: "/")
            .replacing("%2f", with: "/").replacing("%3D", with: "=").replacing("%3d", with: "=")
        return plain.contains("%") ? nil : Array(plain.utf8)
    }

    /// gRPC PROTOCOL-HTTP2.md: `Percent-Encoded`.
    fileprivate var percentDecoded: String {
        var bytes: [UInt8] = []
        var rest = utf8[...]
        while let byte = rest.popFirst() {
            let digits = rest.prefix(2)
            if byte == UInt8(ascii: "%"), digits.count == 2,
                let code = UInt8(String(decoding: digits, as: UTF8.self), radix: 16)
            {
                bytes.append(code)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
