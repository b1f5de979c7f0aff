// rtbridge: the name of a session of server-sent events.
// SPDX-License-Identifier: Apache-2.0

import BridgeCore

/// 128 random bits. Who knows a session's name may read and write it, so it is as good as a password.
enum SSEName {
    /// Written to a session: `POST …?rtbridge-session=NAME`.
    static let parameter = "rtbridge-session"
    private static let length = 32

    static func make(_ worker: Worker) -> String {
        let (high, low) = (
            UInt64.random(in: .min ... .max, using: &worker.random),
            UInt64.random(in: .min ... .max, using: &worker.random)
        )
        return hex(high) + hex(low)
    }

    private static func hex(_ bits: UInt64) -> String {
        let text = String(bits, radix: 16)
        return String(repeating: "0", count: 16 - text.count) + text
    }

    /// The session that a request's query names.
    static func inQuery(_ head: RequestHead) -> String? {
        guard let query = head.query else { return nil }
        for pair in query.split(separator: UInt8(ascii: "&")) where pair.starts(with: "\(parameter)=".utf8) {
            return String(decoding: pair.dropFirst(parameter.utf8.count + 1), as: UTF8.self)
        }
        return nil
    }

    /// The id of an event: the session, and the event's number in it.
    static func id(_ session: String, _ number: Int) -> String { "\(session).\(number)" }

    /// What a client says in `Last-Event-ID`.
    static func parse(_ id: String) -> (session: String, number: Int)? {
        let parts = id.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0].count == length, let number = Int(parts[1]), number >= 0 else { return nil }
        return (String(parts[0]), number)
    }
}
