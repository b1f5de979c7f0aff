// rtbridge: what the codecs' tests share.
// SPDX-License-Identifier: Apache-2.0
import Foundation
import NIOCore

@testable import BridgeWire

/// How many rounds a fuzzing test runs: `FUZZ_FACTOR` in the environment multiplies them for a long run.
func rounds(_ count: Int) -> Int {
    count * max(1, ProcessInfo.processInfo.environment["FUZZ_FACTOR"].flatMap(Int.init) ?? 1)
}

/// SplitMix64: a row of numbers that a seed in a failure's message brings back.
struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        return value ^ value >> 31
    }

    mutating func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) } }
}

/// How bytes are handed to a codec.
enum Cut: Equatable, Sendable, CustomStringConvertible {
    case whole
    case byteByByte
    case random(seed: UInt64)

    static let all: [Cut] = [.whole, .byteByByte] + (1...6).map { .random(seed: $0) }

    func pieces(of bytes: [UInt8]) -> [[UInt8]] {
        switch self {
        case .whole: return [bytes]
        case .byteByByte: return bytes.map { [$0] }
        case .random(let seed):
            var random = SeededRandom(seed: seed)
            var pieces: [[UInt8]] = []
            var rest = bytes[...]
            while !rest.isEmpty {
                let piece = rest.prefix(Int.random(in: 0...max(1, rest.count / 2), using: &random))
                pieces.append(Array(piece))
                rest = rest.dropFirst(piece.count)
            }
            return pieces
        }
    }

    var description: String {
        switch self {
        case .whole: "whole"
        case .byteByByte: "byte by byte"
        case .random(let seed): "random cuts, seed \(seed)"
        }
    }
}

extension ByteBuffer {
    var array: [UInt8] { Array(readableBytesView) }
}

extension StringProtocol {
    /// The bytes that hexadecimal digits stand for; white space is for the eye.
    var hex: [UInt8] {
        let digits = filter { !$0.isWhitespace }.compactMap(\.hexDigitValue)
        return stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }
}

/// The UTF-8 of a text, as header values come.
func slice(_ text: String) -> FieldValue { FieldValue(text.utf8) }
