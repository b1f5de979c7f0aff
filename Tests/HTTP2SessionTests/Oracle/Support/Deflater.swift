// rtbridge: libnghttp2's encoder of field blocks.
// SPDX-License-Identifier: Apache-2.0

import CNghttp2

/// A peer's encoder, with the dynamic table and the Huffman code of RFC 7541.
final class Deflater {
    private var deflater: OpaquePointer?

    init() { nghttp2_hd_deflate_new(&deflater, 4096) }

    deinit { nghttp2_hd_deflate_del(deflater) }

    /// A size update goes before the next block (RFC 7541 §4.2).
    func changeTableSize(_ size: Int) { nghttp2_hd_deflate_change_table_size(deflater, size) }

    func encode(_ fields: [(String, String)]) -> [UInt8] {
        let texts = fields.map { (Array($0.0.utf8), Array($0.1.utf8)) }
        var all: [UInt8] = []
        for (name, value) in texts { all += name + value }
        all.append(0)
        return all.withUnsafeMutableBufferPointer { bytes in
            var start = bytes.baseAddress!
            var pairs: [nghttp2_nv] = []
            for (name, value) in texts {
                pairs.append(
                    nghttp2_nv(
                        name: start, value: start + name.count, namelen: name.count, valuelen: value.count, flags: 0))
                start += name.count + value.count
            }
            var block = [UInt8](repeating: 0, count: nghttp2_hd_deflate_bound(deflater, pairs, pairs.count))
            let count = nghttp2_hd_deflate_hd(deflater, &block, block.count, pairs, pairs.count)
            precondition(count >= 0, "Deflater: \(count)")
            return Array(block.prefix(count))
        }
    }
}

@available(*, unavailable)
extension Deflater: Sendable {}
