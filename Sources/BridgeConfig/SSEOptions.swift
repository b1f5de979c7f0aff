// rtbridge: what a route does with server-sent events.
// SPDX-License-Identifier: Apache-2.0

public struct SSEOptions: Sendable, Equatable {
    /// How the back-end's bytes stand in events, which are text.
    public enum Data: String, Sendable, CaseIterable { case base64, text }

    public var data = Data.base64
    /// A comment is sent when nothing else was for this long; nil is off.
    public var keepAlive: Duration? = .seconds(15)
    /// What clients are told to wait before they come back.
    public var retry: Duration = .seconds(2)
    /// How long a session waits for its client to come back.
    public var resume: Duration = .seconds(30)
    /// Events that are kept for that.
    public var replayBytes = 256 * 1024
    /// The longest body of a POST.
    public var maxMessageBytes = 1024 * 1024
    /// Sessions of the route in the whole process.
    public var maxSessions = 1024

    public init() {}
}
