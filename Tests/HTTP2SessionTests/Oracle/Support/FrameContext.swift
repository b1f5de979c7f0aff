// rtbridge: a frame, and where the connection stands as it arrives.
// SPDX-License-Identifier: Apache-2.0

import HTTP2Session

/// One frame of a peer.
struct FrameContext: CustomStringConvertible {
    let kind: RawFrame.Kind?
    let flags: UInt8
    let stream: UInt32
    let payload: ArraySlice<UInt8>
    /// What the header says.
    let length: Int
    /// Whether all of it is here.
    let isWhole: Bool
    /// The streams that the session has heard of and that are not closed.
    var open: Set<UInt32> = []
    /// The highest stream that was opened.
    var highest: UInt32 = 0
    /// Fields of the block that this frame ends, where it can be decoded.
    var fields: [(name: [UInt8], value: [UInt8])] = []

    /// - Parameter bytes: a frame of RFC 9113 §4.1, or its beginning.
    init(_ bytes: ArraySlice<UInt8>) {
        let header = Array(bytes.prefix(9)) + Array(repeating: 0, count: max(0, 9 - bytes.count))
        kind = RawFrame.Kind(rawValue: header[3])
        flags = header[4]
        stream = header[5...].reduce(0) { $0 << 8 | UInt32($1) } & 0x7FFF_FFFF
        payload = bytes.dropFirst(9)
        length = header[..<3].reduce(0) { $0 << 8 | Int($1) }
        isWhole = bytes.count >= 9 && payload.count == length
    }

    /// Cuts a peer's bytes into its frames; what is behind a frame that is too long belongs to it.
    static func split(_ bytes: [UInt8]) -> [ArraySlice<UInt8>] {
        var frames: [ArraySlice<UInt8>] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            let length = rest.prefix(3).reduce(0) { $0 << 8 | Int($1) }
            let count = rest.count < 9 || length > 16_384 ? rest.count : min(rest.count, 9 + length)
            frames.append(rest.prefix(count))
            rest = rest.dropFirst(count)
        }
        return frames
    }

    /// The stream was used, or skipped, and is no more (RFC 9113 §5.1, §5.1.1).
    var isStreamGone: Bool { stream % 2 == 1 && stream <= highest && !open.contains(stream) }

    private var hasPadding: Bool { flags & RawFrame.padded != 0 }
    private var hasPriority: Bool { kind == .headers && flags & RawFrame.priority != 0 }

    /// The fields of the frame that its flags promise do not fit it (RFC 9113 §4.2).
    var isTooShort: Bool {
        guard kind == .data || kind == .headers || kind == .pushPromise else { return false }
        let promised = (hasPadding ? 1 : 0) + (hasPriority ? 5 : 0) + (kind == .pushPromise ? 4 : 0)
        return payload.count < promised
    }

    /// RFC 9113 §6: the length that this kind of frame must have.
    var hasWrongLength: Bool {
        switch kind {
        case .priority: payload.count != 5
        case .rstStream, .windowUpdate: payload.count != 4
        case .settings: payload.count % 6 != 0 || (flags & 1 != 0 && !payload.isEmpty)
        case .ping: payload.count != 8
        case .goaway: payload.count < 8
        case .data, .headers, .pushPromise: isTooShort || payload.count > 16_384
        case .continuation, nil: payload.count > 16_384
        }
    }

    /// RFC 9113 §6: on a stream where it must be on none, on none where it must be on one, or on an idle one.
    var hasWrongStream: Bool {
        switch kind {
        case .settings, .ping, .goaway: stream != 0
        case .priority: stream == 0
        case .windowUpdate: stream != 0 && (stream > highest || stream % 2 == 0)
        case .data, .headers, .rstStream, .continuation, .pushPromise:
            stream == 0 || stream > highest || stream % 2 == 0
        case nil: false
        }
    }

    var isBlock: Bool { kind == .headers || kind == .continuation }

    /// A block of fields that goes on (RFC 9113 §6.10).
    var beginsBlock: Bool {
        isBlock && flags & RawFrame.endHeaders == 0
    }

    /// RFC 7540 §5.3.1.
    var dependsOnItself: Bool {
        guard kind == .priority || hasPriority else { return false }
        let start = kind == .headers && hasPadding ? 1 : 0
        let dependency = payload.dropFirst(start).prefix(4).reduce(0) { $0 << 8 | UInt32($1) }
        return dependency & 0x7FFF_FFFF == stream
    }

    /// The identifiers of a SETTINGS frame.
    var settings: [UInt8] {
        guard kind == .settings else { return [] }
        let bytes = Array(payload)
        return stride(from: 0, to: bytes.count - bytes.count % 6, by: 6).map { bytes[$0 + 1] }
    }

    /// RFC 9113 §8.2.1: white space at an end of a value that is no pseudo-header field's.
    var hasValueInBlanks: Bool {
        let blanks: [UInt8?] = [UInt8(ascii: " "), UInt8(ascii: "\t")]
        return fields.contains { name, value in
            name.first != UInt8(ascii: ":") && (blanks.contains(value.first) || blanks.contains(value.last))
        }
    }

    var description: String {
        let name = kind.map { "\($0)" } ?? "unknown"
        return "\(name) flags \(flags) stream \(stream) payload \(payload.prefix(80))"
    }
}
