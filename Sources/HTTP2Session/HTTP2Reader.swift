// rtbridge: where an HTTP/2 session stands in what its peer sends.
// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// What has to be kept between two pieces of input: bytes come cut anywhere.
struct HTTP2Reader {
    /// RFC 9113 §3.4: what a client says first.
    static let preface: StaticString = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

    enum Phase {
        /// So many bytes of the preface have come.
        case preface(Int)
        /// RFC 9113 §3.4: the first frame "MUST be a SETTINGS frame".
        case settings
        case frames
        /// A DATA frame's payload.
        case body
        /// Nothing is read any more.
        case over
    }

    /// The DATA frame that is being received.
    struct Body {
        /// Whose it is; 0: nobody's.
        var stream: Int32 = 0
        /// Bytes of the payload that are still to come, padding included.
        var left = 0
        /// How many of them are padding, once that is known.
        var padding = 0
        var awaitsPaddingLength = false
        var endStream = false
    }

    /// A block of fields that goes on in CONTINUATION frames (RFC 9113 §6.10).
    struct Block {
        var stream: Int32
        var endStream: Bool
        var bytes: ByteBuffer
        var continuations = 0
    }

    /// Frames that one block may be divided into: 128 KiB of them (CVE-2024-28182).
    static let maximumContinuations = 8

    var phase = Phase.preface(0)
    /// The beginning of a frame whose end has not come: at most 16 KiB, and gone once it has.
    var partial: ByteBuffer?
    var body = Body()
    var block: Block?
    private(set) var isNotHTTP2 = false

    mutating func skipPreface() { phase = .settings }

    mutating func stop() {
        phase = .over
        partial = nil
        block = nil
    }

    /// Reads what is there of the preface.
    /// - Returns: how many bytes that was.
    mutating func readPreface(_ bytes: UnsafeRawBufferPointer, from done: Int) -> Int {
        let whole = Self.preface.utf8CodeUnitCount
        let count = min(bytes.count, whole - done)
        for index in 0..<count where bytes[index] != Self.preface.utf8Start[done + index] {
            isNotHTTP2 = true
            stop()
            return bytes.count
        }
        phase = done + count == whole ? .settings : .preface(done + count)
        return count
    }
}
