// rtbridge: what happens to a session under test, one thing after the other.
// SPDX-License-Identifier: Apache-2.0

import HTTP2Session

/// A peer's frame, or a command of the session's owner.
enum Step: Sendable {
    case send([UInt8])
    /// The whole response to this stream's request: `:status: 200` with END_STREAM.
    case answer(UInt32)
    case reset(UInt32, HTTP2ErrorCode)
    /// So many bytes of body; a response's head goes before the first.
    case write(UInt32, Int)
    case finish(UInt32, trailers: Bool)

    static func frame(_ kind: RawFrame.Kind, flags: UInt8 = 0, stream: UInt32 = 0, _ payload: [UInt8] = []) -> Step {
        .send(RawFrame.make(kind, flags: flags, stream: stream, payload))
    }

    /// A frame of a type that RFC 9113 does not know (§5.5).
    static func unknown(_ type: UInt8 = 0x16, flags: UInt8 = 0, stream: UInt32, _ payload: [UInt8] = [1, 2]) -> Step {
        var bytes = RawFrame.make(.ping, flags: flags, stream: stream, payload)
        bytes[3] = type
        return .send(bytes)
    }

    static func request(_ stream: UInt32, end: Bool = false) -> Step { .send(RawFrame.request(stream, endStream: end)) }

    /// - Parameter padding: the value of the Pad Length field; that many zeros follow.
    static func headers(
        _ stream: UInt32, _ fields: [(String, String)], end: Bool = false, endHeaders: Bool = true, padding: Int? = nil,
        dependsOn: UInt32? = nil
    ) -> Step {
        block(stream, RawFrame.block(fields), end: end, endHeaders: endHeaders, padding: padding, dependsOn: dependsOn)
    }

    static func block(
        _ stream: UInt32, _ block: [UInt8], end: Bool = false, endHeaders: Bool = true, padding: Int? = nil,
        dependsOn: UInt32? = nil
    ) -> Step {
        var flags = (end ? RawFrame.endStream : 0) | (endHeaders ? RawFrame.endHeaders : 0)
        var payload: [UInt8] = []
        if let padding {
            flags |= RawFrame.padded
            payload.append(UInt8(padding))
        }
        if let dependsOn {
            flags |= RawFrame.priority
            payload += RawFrame.bigEndian(dependsOn) + [15]
        }
        payload += block
        payload += Array(repeating: 0, count: padding ?? 0)
        return .frame(.headers, flags: flags, stream: stream, payload)
    }

    static func continuation(_ stream: UInt32, _ block: [UInt8], endHeaders: Bool = true) -> Step {
        .frame(.continuation, flags: endHeaders ? RawFrame.endHeaders : 0, stream: stream, block)
    }

    static func data(_ stream: UInt32, _ text: String = "", end: Bool = false, padding: Int? = nil) -> Step {
        var payload = Array(text.utf8)
        if let padding { payload = [UInt8(padding)] + payload + Array(repeating: 0, count: padding) }
        let flags = (end ? RawFrame.endStream : 0) | (padding == nil ? 0 : RawFrame.padded)
        return .frame(.data, flags: flags, stream: stream, payload)
    }

    static func data(_ stream: UInt32, count: Int, end: Bool = false) -> Step {
        .frame(.data, flags: end ? RawFrame.endStream : 0, stream: stream, Array(repeating: 7, count: count))
    }

    static func resetFrame(_ stream: UInt32, _ code: HTTP2ErrorCode = .cancel) -> Step {
        .frame(.rstStream, stream: stream, RawFrame.bigEndian(code.rawValue))
    }

    static func windowUpdate(_ stream: UInt32, _ increment: UInt32) -> Step {
        .frame(.windowUpdate, stream: stream, RawFrame.bigEndian(increment))
    }

    static func priority(_ stream: UInt32, dependsOn: UInt32) -> Step {
        .frame(.priority, stream: stream, RawFrame.bigEndian(dependsOn) + [15])
    }

    static func settings(_ values: (UInt16, UInt32)...) -> Step { .send(RawFrame.settings(values)) }

    static func ping(_ payload: [UInt8] = [1, 2, 3, 4, 5, 6, 7, 8], flags: UInt8 = 0, stream: UInt32 = 0) -> Step {
        .frame(.ping, flags: flags, stream: stream, payload)
    }

    static func goaway(_ last: UInt32, _ code: HTTP2ErrorCode = .noError, debug: String = "", stream: UInt32 = 0)
        -> Step
    {
        .frame(
            .goaway, stream: stream, RawFrame.bigEndian(last) + RawFrame.bigEndian(code.rawValue) + Array(debug.utf8))
    }
}
