// rtbridge: the header block with which a call over WebSocket begins.
// SPDX-License-Identifier: Apache-2.0

/// A client's first message: lines `key: v1, v2\r\n` (improbable-eng's WebSocket transport, `headersToBytes`), without
/// flags, length or an empty line at the end. A bare LF ends a line as well.
public enum GRPCWebSocketHeaderBlock {
    /// Parses a whole block. An empty one has no fields.
    ///
    /// - Throws: ``GRPCFrameError`` (INTERNAL) at a byte that is neither 0x20–0x7E nor TAB, CR or LF (the transport's
    ///   `encodeASCII` sends no other), and at a line that is no field.
    public static func parse(_ block: UnsafeRawBufferPointer) throws(GRPCFrameError) -> FieldBlock {
        guard block.allSatisfy({ $0 >= 0x20 && $0 <= 0x7E || $0 == 0x09 || $0 == 0x0D || $0 == 0x0A }) else {
            throw GRPCFrameError(.internal, "the header block is not ASCII")
        }
        guard let fields = GRPCWebTrailers.parse(block) else {
            throw GRPCFrameError(.internal, "the header block is not lines of \"name: value\"")
        }
        return fields
    }
}
