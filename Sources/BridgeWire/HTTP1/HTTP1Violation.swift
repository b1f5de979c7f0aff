// rtbridge: what a peer did that HTTP/1.1 does not allow.
// SPDX-License-Identifier: Apache-2.0

/// Why the bytes of an HTTP/1.1 connection cannot be read on.
public struct HTTP1Violation: Error, Equatable, CustomStringConvertible {
    /// The parser's own words.
    public let description: String

    /// Names, values and target have more bytes, or the fields are more, than the limit.
    public static let headTooLarge = HTTP1Violation("the head is too large")
    /// The connection ended within a message.
    public static let endedEarly = HTTP1Violation("the connection ended within a message")
    /// A major version other than 1.
    static let version = HTTP1Violation("the version is not HTTP/1.0 or HTTP/1.1")
    /// RFC 9112 §5: `field-line = field-name ":" …`, and a name is a token, which has at least one character.
    static let noName = HTTP1Violation("a field has no name")
    /// Bytes of a response that nobody has asked for.
    public static let unasked = HTTP1Violation("a response without a request")

    init(_ description: String) { self.description = description }
}
