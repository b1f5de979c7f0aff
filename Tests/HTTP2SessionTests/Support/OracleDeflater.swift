// rtbridge: libnghttp2's encoder of HPACK.
// SPDX-License-Identifier: Apache-2.0

import CNghttp2

/// Blocks of another implementation.
final class OracleDeflater {
    private let deflater: OpaquePointer

    init(tableLimit: Int = 4096) {
        var made: OpaquePointer?
        precondition(nghttp2_hd_deflate_new(&made, tableLimit) == 0, "OracleDeflater: no memory")
        deflater = made!
    }

    deinit { nghttp2_hd_deflate_del(deflater) }

    /// SETTINGS_HEADER_TABLE_SIZE of the other side.
    func setPeerTableLimit(_ bytes: Int) { nghttp2_hd_deflate_change_table_size(deflater, bytes) }

    func encode(_ fields: [(String, String)]) -> [UInt8] { encode(fields.map { HPACKField($0, $1) }) }

    /// - Parameter isSecret: whether a field is never indexed.
    func encode(_ fields: [HPACKField], isSecret: (HPACKField) -> Bool = { _ in false }) -> [UInt8] {
        // One piece of memory for all, which does not move while the deflater reads.
        var all: [UInt8] = fields.flatMap { $0.name + $0.value } + [0]
        return all.withUnsafeMutableBufferPointer { all in
            var offset = 0
            let pairs = fields.map { field in
                let name = all.baseAddress! + offset
                offset += field.name.count + field.value.count
                var pair = nghttp2_nv()
                pair.name = name
                pair.namelen = field.name.count
                pair.value = name + field.name.count
                pair.valuelen = field.value.count
                let flags = isSecret(field) ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE
                pair.flags = UInt8(flags.rawValue)
                return pair
            }
            var output = [UInt8](repeating: 0, count: nghttp2_hd_deflate_bound(deflater, pairs, pairs.count))
            let count = nghttp2_hd_deflate_hd(deflater, &output, output.count, pairs, pairs.count)
            precondition(count >= 0, "OracleDeflater: \(count)")
            return Array(output.prefix(count))
        }
    }
}
