// rtbridge: libnghttp2's decoder of field blocks.
// SPDX-License-Identifier: Apache-2.0

import CNghttp2

/// libnghttp2's decoder of field blocks, as a peer has it.
final class Inflater {
    private var inflater: OpaquePointer?

    init(tableSize: Int) {
        nghttp2_hd_inflate_new(&inflater)
        nghttp2_hd_inflate_change_table_size(inflater, tableSize)
    }

    deinit { nghttp2_hd_inflate_del(inflater) }

    /// It then insists on the updates that RFC 7541 §4.2 demands.
    func changeTableSizes(_ sizes: [UInt32]) {
        for size in sizes { nghttp2_hd_inflate_change_table_size(inflater, Int(size)) }
    }

    /// - Returns: `name: value` of each field, or nil if the block is invalid.
    func decode(_ block: [UInt8]) -> [String]? {
        decodeBytes(block)?.map { String(decoding: $0, as: UTF8.self) + ": " + String(decoding: $1, as: UTF8.self) }
    }

    func decodeBytes(_ block: [UInt8]) -> [(name: [UInt8], value: [UInt8])]? {
        var fields: [(name: [UInt8], value: [UInt8])] = []
        var rest = block[...]
        while true {
            var field = nghttp2_nv()
            var flags: Int32 = 0
            let used = rest.withUnsafeBufferPointer {
                nghttp2_hd_inflate_hd2(inflater, &field, &flags, $0.baseAddress, $0.count, 1)
            }
            guard used >= 0 else { return nil }
            rest = rest.dropFirst(used)
            if UInt32(flags) & NGHTTP2_HD_INFLATE_EMIT.rawValue != 0 {
                let name = UnsafeBufferPointer(start: field.name, count: field.namelen)
                let value = UnsafeBufferPointer(start: field.value, count: field.valuelen)
                fields.append((Array(name), Array(value)))
            }
            if UInt32(flags) & NGHTTP2_HD_INFLATE_FINAL.rawValue != 0 {
                nghttp2_hd_inflate_end_headers(inflater)
                return fields
            }
            guard used > 0 || UInt32(flags) & NGHTTP2_HD_INFLATE_EMIT.rawValue != 0 else { return nil }
        }
    }
}

@available(*, unavailable)
extension Inflater: Sendable {}
