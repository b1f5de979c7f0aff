// rtbridge: the head of an answer over HTTP/1.1.
// SPDX-License-Identifier: Apache-2.0

import BridgeWire
import NIOCore
import NIOHTTP1

enum HTTP1Fields {
    /// Status line and fields, without the empty line.
    /// - Parameter status: in place of the `:status`.
    static func writeHead(_ fields: FieldBlock, status: StaticString? = nil, into buffer: inout ByteBuffer) {
        if let status {
            return status.withUTF8Buffer { write(UnsafeRawBufferPointer($0), fields, into: &buffer) }
        }
        let isWritten: Void? = fields.withFirst(":status") { write($0, fields, into: &buffer) }
        if isWritten == nil { writeHead(fields, status: "500", into: &buffer) }
    }

    private static func write(_ status: UnsafeRawBufferPointer, _ fields: FieldBlock, into buffer: inout ByteBuffer) {
        HTTP1Lines.writeHead(status: status, reason: reason(status), fields, into: &buffer)
    }

    private static func reason(_ status: UnsafeRawBufferPointer) -> String {
        // Nearly every answer.
        if FieldBytes.areEqual(status, "200") { return "OK" }
        let code = Int(String(decoding: status, as: UTF8.self)) ?? 500
        return HTTPResponseStatus(statusCode: code).reasonPhrase
    }
}
