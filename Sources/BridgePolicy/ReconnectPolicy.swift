// rtbridge: what a route wants done when its back-end goes away.
// SPDX-License-Identifier: Apache-2.0

/// What happens to a session whose back-end connection is lost after bytes went through.
public enum ReconnectMode: String, Sendable, CaseIterable {
    /// The client is closed.
    case close
    /// The client stays, and is told if it asked to be: there is a new session with the back-end.
    case notify
    /// The client stays and is told nothing: the stream goes on where the old connection's writes ended.
    case resume
}

/// When a lost back-end is dialled again, and for how long.
public struct ReconnectPolicy: Sendable, Equatable {
    public var mode = ReconnectMode.close
    public var backoff = BackoffParameters(
        initial: .milliseconds(250), multiplier: 2, max: .seconds(10), jitter: .decorrelated)
    /// Dials in one outage; 0 is as many as ``maxHold`` allows.
    public var maxAttempts = 0
    /// How long an outage may take before the client is given up.
    public var maxHold: Duration = .seconds(30)
    /// A session that lived this long starts the backoff anew.
    public var resetAfter: Duration = .seconds(10)

    public init() {}
}
