// rtbridge: the head of an HTTP/1.1 message.
// SPDX-License-Identifier: Apache-2.0

/// What ``HTTP1Parser`` makes of a request line or a status line and the fields behind it.
///
/// A class, because it goes from hand to hand.
public final class HTTP1Head {
    /// As HTTP/2 would say it: of a request with `:method`, `:scheme`, `:path` and `:authority`, of a response with
    /// `:status`; names in lower case.
    public internal(set) var fields = FieldBlock()
    /// Of a response.
    public internal(set) var status = 0
    public internal(set) var isHTTP10 = false
    /// RFC 9112 §9.3: whether another message may follow on the connection.
    public internal(set) var isKeepAlive = true
    /// A body is announced; without one a request ends with its head.
    public internal(set) var hasBody = false
    /// RFC 9110 §7.8: what follows might be another protocol's.
    public internal(set) var isUpgrade = false
    /// Why a request is to be answered with 400, a sentence.
    public internal(set) var problem: String?

    public init() {}
}

@available(*, unavailable)
extension HTTP1Head: Sendable {}
