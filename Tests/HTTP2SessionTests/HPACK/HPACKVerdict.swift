// rtbridge: what a decoder says of a block.
// SPDX-License-Identifier: Apache-2.0

import NIOCore
import Testing

@testable import BridgeWire
@testable import HTTP2Session

/// The fields before the error, if there is one.
struct HPACKVerdict: Equatable {
    var fields: [HPACKField] = []
    var error: HPACKError?
}

extension HPACKDecoder {
    /// Decodes a copy that has exactly the bytes of the block, so that reading beyond them is found by a sanitizer.
    mutating func verdict(_ block: [UInt8]) -> (verdict: HPACKVerdict, known: [Int]) {
        var fields: [HPACKField] = []
        var known: [Int] = []
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: block.count, alignment: 1)
        defer { copy.deallocate() }
        copy.copyBytes(from: block)
        do throws(HPACKError) {
            try decode(UnsafeRawBufferPointer(copy)) { name, value, number in
                fields.append(HPACKField(name, value))
                known.append(number)
            }
            return (HPACKVerdict(fields: fields), known)
        } catch {
            return (HPACKVerdict(fields: fields, error: error), known)
        }
    }
}

extension HPACKEncoder {
    mutating func block(_ fields: [HPACKField], scheme: StaticString? = nil) -> [UInt8] {
        var output = ByteBuffer()
        encode(fields.block, scheme: scheme, into: &output)
        return Array(output.readableBytesView)
    }
}

/// Bytes as the RFC's examples are written.
func bytes(_ hexadecimal: String) -> [UInt8] {
    let digits = hexadecimal.filter(\.isHexDigit).compactMap(\.hexDigitValue)
    return stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
}
