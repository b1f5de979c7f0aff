// rtbridge: attempts that nobody has to have asked for.
// SPDX-License-Identifier: Apache-2.0

/// What is tried again without a policy, because no application has seen it (gRPC A6, "Transparent Retries"):
/// - what never left the bridge: "the client library can transparently retry until a success occurs, or the RPC's
///   deadline passes"; here at most ``maximumNeverSent`` times, so that what cannot be sent at all comes to an end;
/// - what the back-end refused before it looked at it (REFUSED_STREAM, or above GOAWAY's last stream): "the client
///   library will immediately retry it once".
public struct TransparentRetries: Sendable, Equatable {
    public enum Reason: Sendable, Equatable { case neverSent, refused }

    static let maximumNeverSent = 5

    private var neverSent = 0
    private var refused = 0

    public init() {}

    /// Asks for one more attempt, and counts it.
    public mutating func take(_ reason: Reason) -> Bool {
        switch reason {
        case .neverSent:
            guard neverSent < Self.maximumNeverSent else { return false }
            neverSent += 1
        case .refused:
            guard refused == 0 else { return false }
            refused = 1
        }
        return true
    }
}
