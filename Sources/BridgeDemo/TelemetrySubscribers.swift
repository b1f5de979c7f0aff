// rtbridge: who gets the demo's telemetry, for how long, and which number comes next.
// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// The subscribers of the telemetry. Time is a parameter.
///
/// A subscription ends after ``lifetime`` unless it is renewed. With ``maximum`` subscribers a new one takes the place
/// of the one that was renewed longest ago, since who is gone does not say so over UDP.
struct TelemetrySubscribers {
    static let maximum = 64
    static let lifetime = TimeAmount.minutes(5)

    private struct Subscription {
        var renewed: NIODeadline
        var nextSequence = 0
    }

    private var subscriptions: [SocketAddress: Subscription] = [:]

    /// Begins a subscription at number 0, or renews one that exists.
    mutating func subscribe(_ peer: SocketAddress, now: NIODeadline) {
        if subscriptions[peer] != nil {
            subscriptions[peer]?.renewed = now
            return
        }
        if subscriptions.count >= Self.maximum,
            let oldest = subscriptions.min(by: { $0.value.renewed < $1.value.renewed })?.key
        {
            subscriptions[oldest] = nil
        }
        subscriptions[peer] = Subscription(renewed: now)
    }

    mutating func stop(_ peer: SocketAddress) { subscriptions[peer] = nil }

    /// Ends what is over, and numbers the next datagram of each of the others.
    mutating func nextRound(now: NIODeadline) -> [(peer: SocketAddress, sequence: Int)] {
        subscriptions = subscriptions.filter { $0.value.renewed + Self.lifetime > now }
        return subscriptions.keys.map { peer in
            let sequence = subscriptions[peer]?.nextSequence ?? 0
            subscriptions[peer]?.nextSequence += 1
            return (peer, sequence)
        }
    }
}
