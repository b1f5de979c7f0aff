// rtbridge: a byte stream cut into lines of bounded length.
// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// Cuts bytes into lines at LF; a CR before it goes, too. Holds no more than ``maximumLine`` bytes.
struct LineSplitter {
    enum Piece: Equatable {
        /// Without its end; bytes that are not UTF-8 and control characters are replaced by U+FFFD.
        case line(String)
        /// A line was too long. The rest of it is dropped as it comes.
        case tooLong
    }

    /// Bytes of a line, its LF not counted.
    static let maximumLine = 1024

    private var held: [UInt8] = []
    private var isSkipping = false

    /// The next piece; nil once `bytes` are used up.
    mutating func next(from bytes: inout ByteBuffer) -> Piece? {
        while bytes.readableBytes > 0 {
            let end = bytes.readableBytesView.firstIndex(of: UInt8(ascii: "\n"))
            let count = (end ?? bytes.writerIndex) - bytes.readerIndex
            let part = bytes.readSlice(length: count)?.readableBytesView
            if end != nil { bytes.moveReaderIndex(forwardBy: 1) }
            if isSkipping {
                isSkipping = end == nil
                continue
            }
            guard held.count + count <= Self.maximumLine else {
                held.removeAll(keepingCapacity: true)
                isSkipping = end == nil
                return .tooLong
            }
            if let part { held.append(contentsOf: part) }
            if end != nil { return .line(takeLine()) }
        }
        return nil
    }

    private mutating func takeLine() -> String {
        if held.last == UInt8(ascii: "\r") { held.removeLast() }
        var line = String.UnicodeScalarView()
        for scalar in String(decoding: held, as: UTF8.self).unicodeScalars {
            let isControl = scalar.properties.generalCategory == .control && scalar != "\t"
            line.append(isControl ? "\u{FFFD}" : scalar)
        }
        held.removeAll(keepingCapacity: true)
        return String(line)
    }
}
