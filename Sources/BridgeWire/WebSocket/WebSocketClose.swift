// rtbridge: why a WebSocket was closed, as it is passed from one side to the other.
// SPDX-License-Identifier: Apache-2.0

/// The code and the reason of a close frame (RFC 6455 §5.5.1).
public struct WebSocketClose: Equatable, Sendable {
    /// `nil`: the frame was empty (1005, RFC 6455 §7.1.5).
    public var code: WebSocketCloseCode?
    public var reason: String

    public init(_ code: WebSocketCloseCode?, _ reason: String = "") {
        self.code = code
        self.reason = reason
    }

    /// Whether an endpoint says that it will be back, or that another will: then the session's end is not meant for the
    /// client. 1001: "a server going down" (RFC 6455 §7.4.1); 1012 "Service Restart" and 1013 "Try Again Later" (IANA).
    public var isGoingAway: Bool {
        code == .goingAway || code == .serviceRestart || code == .tryAgainLater
    }
}

// MARK: - As fields

extension WebSocketClose {
    /// What ends a body in this house are trailer fields; those of a WebSocket's end are the code and the reason.
    public var trailers: FieldBlock {
        var fields = FieldBlock()
        fields.append("close-code", String((code ?? .noStatusReceived).rawValue).utf8)
        fields.append("close-reason", reason.utf8)
        return fields
    }

    /// - Returns: `nil` if these are the trailers of another protocol.
    public init?(trailers: FieldBlock?) {
        guard let trailers, let value = trailers.string("close-code").flatMap(UInt16.init) else { return nil }
        let code = WebSocketCloseCode(rawValue: value)
        self.init(code == .noStatusReceived ? nil : code, trailers.string("close-reason") ?? "")
    }
}
