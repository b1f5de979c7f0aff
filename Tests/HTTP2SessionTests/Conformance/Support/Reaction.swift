// rtbridge: what an endpoint makes of the bytes of its peer.
// SPDX-License-Identifier: Apache-2.0

import HTTP2Session

/// The reactions that RFC 9113 §5.4 tells apart.
enum Reaction: Sendable, Equatable {
    /// A GOAWAY with this code, after which nothing more is read (RFC 9113 §5.4.1).
    case connection(HTTP2ErrorCode)
    /// The session is over and has sent no GOAWAY: RFC 9113 §3.4 allows that for an invalid preface alone.
    case refused
    /// A RST_STREAM with this code, and none on another stream; the connection goes on (RFC 9113 §5.4.2).
    case stream(UInt32, HTTP2ErrorCode)
    /// Neither, and the connection goes on.
    case goesOn
    /// Anything else; never allowed.
    case confused(String)
}
