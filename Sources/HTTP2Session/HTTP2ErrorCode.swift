// rtbridge: HTTP/2 error codes and what can go wrong with a session.
// SPDX-License-Identifier: Apache-2.0

/// An error code of RST_STREAM or GOAWAY (RFC 9113 §7).
public struct HTTP2ErrorCode: RawRepresentable, Sendable, Hashable {
    public var rawValue: UInt32

    @inlinable
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    public static let noError = HTTP2ErrorCode(rawValue: 0x00)
    public static let protocolError = HTTP2ErrorCode(rawValue: 0x01)
    public static let internalError = HTTP2ErrorCode(rawValue: 0x02)
    public static let flowControlError = HTTP2ErrorCode(rawValue: 0x03)
    public static let settingsTimeout = HTTP2ErrorCode(rawValue: 0x04)
    public static let streamClosed = HTTP2ErrorCode(rawValue: 0x05)
    public static let frameSizeError = HTTP2ErrorCode(rawValue: 0x06)
    public static let refusedStream = HTTP2ErrorCode(rawValue: 0x07)
    public static let cancel = HTTP2ErrorCode(rawValue: 0x08)
    public static let compressionError = HTTP2ErrorCode(rawValue: 0x09)
    public static let connectError = HTTP2ErrorCode(rawValue: 0x0a)
    public static let enhanceYourCalm = HTTP2ErrorCode(rawValue: 0x0b)
    public static let inadequateSecurity = HTTP2ErrorCode(rawValue: 0x0c)
    public static let http11Required = HTTP2ErrorCode(rawValue: 0x0d)
}

extension HTTP2ErrorCode: CustomStringConvertible {
    /// The name in RFC 9113 §7, or the number in hexadecimal where it has none.
    public var description: String {
        let names = [
            "NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT", "STREAM_CLOSED",
            "FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR", "CONNECT_ERROR", "ENHANCE_YOUR_CALM",
            "INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED",
        ]
        return rawValue < names.count ? names[Int(rawValue)] : "0x" + String(rawValue, radix: 16)
    }
}

/// The session cannot go on: the peer broke the protocol beyond repair, or sent no HTTP/2 at all.
public struct HTTP2SessionError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What the peer is told.
    public var code: HTTP2ErrorCode
    /// What it did.
    public var description: String

    init(_ code: HTTP2ErrorCode, _ description: String) {
        self.code = code
        self.description = description
    }
}
