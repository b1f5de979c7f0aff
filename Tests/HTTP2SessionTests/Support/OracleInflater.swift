// rtbridge: libnghttp2's decoder of HPACK.
// SPDX-License-Identifier: Apache-2.0

import CNghttp2

/// What another implementation says of a block.
final class OracleInflater {
    private let inflater: OpaquePointer

    init() {
        var made: OpaquePointer?
        precondition(nghttp2_hd_inflate_new(&made) == 0, "OracleInflater: no memory")
        inflater = made!
    }

    deinit { nghttp2_hd_inflate_del(inflater) }

    /// SETTINGS_HEADER_TABLE_SIZE that this side announced and the other acknowledged.
    func setTableLimit(_ bytes: Int) { nghttp2_hd_inflate_change_table_size(inflater, bytes) }

    /// Several, in order; it then insists on the updates that RFC 7541 §4.2 demands.
    func setTableLimits(_ sizes: [UInt32]) {
        for size in sizes { setTableLimit(Int(size)) }
    }

    /// - Returns: `name: value` of each field, or nil if the block is invalid.
    func text(_ block: [UInt8]) -> [String]? {
        let (fields, isError) = decode(block)
        return isError ? nil : fields.map(\.description)
    }

    func decode(_ block: [UInt8]) -> (fields: [HPACKField], isError: Bool) {
        var fields: [HPACKField] = []
        let isError = block.withUnsafeBufferPointer { block in
            var offset = 0
            while true {
                var field = nghttp2_nv()
                var flags: Int32 = 0
                let count = nghttp2_hd_inflate_hd2(
                    inflater, &field, &flags, block.baseAddress.map { $0 + offset }, block.count - offset, 1)
                guard count >= 0 else { return true }
                offset += count
                if flags & Int32(NGHTTP2_HD_INFLATE_EMIT.rawValue) != 0 {
                    fields.append(
                        HPACKField(
                            UnsafeBufferPointer(start: field.name, count: field.namelen),
                            UnsafeBufferPointer(start: field.value, count: field.valuelen)))
                }
                if flags & Int32(NGHTTP2_HD_INFLATE_FINAL.rawValue) != 0 {
                    nghttp2_hd_inflate_end_headers(inflater)
                    return false
                }
                if flags & Int32(NGHTTP2_HD_INFLATE_EMIT.rawValue) == 0, offset == block.count { return false }
            }
        }
        return (fields, isError)
    }
}
