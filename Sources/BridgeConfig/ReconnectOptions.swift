// rtbridge: what a route says of the loss of its back-end.
// SPDX-License-Identifier: Apache-2.0

import BridgePolicy

public struct ReconnectOptions: Sendable, Equatable {
    public enum Overflow: String, Sendable, CaseIterable {
        /// The client is not read.
        case pause
        /// The oldest whole messages go.
        case dropOldest
        /// The session ends.
        case close
    }

    /// When to dial, and for how long.
    public var policy = ReconnectPolicy()
    /// How much of what the client sends is kept while there is no back-end.
    public var bufferBytes = 256 * 1024
    public var overflow = Overflow.pause
    /// Sent first on every new back-end connection, and for UDP as a datagram of its own.
    public var preamble: String?

    public init() {}
}
