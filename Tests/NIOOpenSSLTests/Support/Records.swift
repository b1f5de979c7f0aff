// rtbridge: the records in a stretch of ciphertext.
// SPDX-License-Identifier: Apache-2.0
import NIOCore

/// A record's header (RFC 8446 §5.1): type, version, length.
struct Record: Equatable {
    var type: UInt8
    var length: Int

    /// All records in `buffers`; nil if the bytes end inside one.
    static func all(in buffers: [ByteBuffer]) -> [Record]? {
        var bytes = ByteBuffer()
        for buffer in buffers { bytes.writeImmutableBuffer(buffer) }
        var records: [Record] = []
        while bytes.readableBytes > 0 {
            guard let header = bytes.readBytes(length: 5) else { return nil }
            let length = Int(header[3]) << 8 | Int(header[4])
            guard bytes.readSlice(length: length) != nil else { return nil }
            records.append(Record(type: header[0], length: length))
        }
        return records
    }
}
