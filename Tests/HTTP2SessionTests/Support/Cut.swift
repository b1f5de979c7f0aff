// rtbridge: where a stream of bytes is cut on its way.
// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// How bytes arrive: a parser may not care.
enum Cut: Sendable, CustomStringConvertible {
    case whole
    case bytes
    case random(seed: UInt64)

    static let all: [Cut] = [.whole, .bytes, .random(seed: 1), .random(seed: 2), .random(seed: 3)]

    var description: String {
        switch self {
        case .whole: "whole"
        case .bytes: "byte by byte"
        case .random(let seed): "random, seed \(seed)"
        }
    }
}

/// Cuts one stream of bytes after the other.
struct Cutter {
    private let cut: Cut
    private var random: SplitMix

    init(_ cut: Cut) {
        self.cut = cut
        switch cut {
        case .whole, .bytes: random = SplitMix(seed: 0)
        case .random(let seed): random = SplitMix(seed: seed)
        }
    }

    mutating func pieces(_ bytes: ByteBuffer) -> [ByteBuffer] {
        var rest = bytes
        var pieces: [ByteBuffer] = []
        while rest.readableBytes > 0 {
            let count: Int
            switch cut {
            case .whole: count = rest.readableBytes
            case .bytes: count = 1
            case .random: count = Int.random(in: 1...min(rest.readableBytes, 40), using: &random)
            }
            if let piece = rest.readSlice(length: count) { pieces.append(piece) }
        }
        return pieces
    }
}
