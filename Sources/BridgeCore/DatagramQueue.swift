// rtbridge: datagrams that wait for somebody to take them.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgePolicy
import NIOCore

/// At most so many datagrams, and no more bytes than the worker may keep for all its sessions; above that the oldest or
/// the newest go, for UDP knows no other way to say that it is too much.
public struct DatagramQueue {
    private let limit: Int
    private let overflow: UDPOptions.Overflow
    private let budget: ByteBudget
    private var datagrams = CircularBuffer<ByteBuffer>()

    public init(limit: Int, overflow: UDPOptions.Overflow, budget: ByteBudget) {
        self.limit = limit
        self.overflow = overflow
        self.budget = budget
    }

    public var count: Int { datagrams.count }

    /// - Parameter datagram: with memory of its own, which is kept.
    /// - Returns: whether one was dropped, this one or another.
    public mutating func append(_ datagram: ByteBuffer) -> Bool {
        guard !budget.isUsedUp else { return true }
        if datagrams.count < limit {
            push(datagram)
            return false
        }
        switch overflow {
        case .dropNewest: break
        case .dropOldest:
            if popFirst() != nil { push(datagram) }
        }
        return true
    }

    public mutating func popFirst() -> ByteBuffer? {
        guard let datagram = datagrams.popFirst() else { return nil }
        budget.change(by: -datagram.readableBytes)
        return datagram
    }

    public mutating func removeAll() {
        while popFirst() != nil {}
    }

    private mutating func push(_ datagram: ByteBuffer) {
        budget.change(by: datagram.readableBytes)
        datagrams.append(datagram)
    }
}
