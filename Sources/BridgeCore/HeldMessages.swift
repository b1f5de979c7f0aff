// rtbridge: what a client sends while there is no back-end.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgePolicy
import NIOCore

/// The client's messages in order, up to the route's `reconnect.bufferBytes`; then `reconnect.overflow` decides.
///
/// With `pause` the bound may be passed by what one read of the client's connection brought. The rest of a message whose
/// beginning was written is never dropped: a stream that goes on has to go on there.
///
/// The worker's budget for all sessions is a second bound: while it is used up, a session is as full as by its own.
struct HeldMessages {
    enum OnAppend: Equatable {
        case kept
        /// The client is not to be read until there is a back-end.
        case full
        /// The oldest went; `cutsMessage`: the last of them is still coming in, and its rest must go as well.
        case dropped(cutsMessage: Bool)
        /// Too much was sent.
        case overflowed
    }

    private let limit: Int
    private let overflow: ReconnectOptions.Overflow
    private var rest = PieceQueue()
    /// The end of the cut message has not come yet.
    private var isRestOpen = false
    private var messages = PieceQueue()
    /// Messages that went for want of room, or because their beginning was written to a session that is no more.
    private(set) var dropped = 0

    private let budget: ByteBudget
    /// What the budget was told of.
    private var accounted = 0

    init(limit: Int, overflow: ReconnectOptions.Overflow, budget: ByteBudget) {
        self.limit = limit
        self.overflow = overflow
        self.budget = budget
    }

    var byteCount: Int { rest.byteCount + messages.byteCount }
    var isFull: Bool { byteCount >= limit || budget.isUsedUp }
    private var isOver: Bool { byteCount > limit || budget.used > budget.limit }

    private mutating func account() {
        guard byteCount != accounted else { return }
        budget.change(by: byteCount - accounted)
        accounted = byteCount
    }

    mutating func append(_ bytes: ByteBuffer, _ flags: BodyFlags) -> OnAppend {
        put(bytes, flags)
        return settle()
    }

    private mutating func put(_ bytes: ByteBuffer, _ flags: BodyFlags) {
        guard isRestOpen else { return messages.append(bytes, flags) }
        rest.append(bytes, flags)
        isRestOpen = !flags.contains(.endsMessage)
    }

    /// Takes back what the lost connection has not written; it comes before what was held and not delivered to it.
    ///
    /// - Parameter resumes: the rest of a message whose beginning was written is kept. Otherwise it goes: the new
    ///   session knows nothing of its beginning.
    mutating func restore(_ unwritten: Unwritten, resumes: Bool) -> OnAppend {
        var pieces = unwritten.pieces
        while let later = popFirst() { pieces.append(later) }
        var cutsMessage = false
        if unwritten.isCut, resumes {
            isRestOpen = true
        } else if unwritten.isCut {
            dropped += 1
            let end = pieces.firstIndex { $0.flags.contains(.endsMessage) }
            pieces.removeFirst(end.map { $0 + 1 } ?? pieces.count)
            cutsMessage = end == nil
        }
        for (bytes, flags) in pieces { put(bytes, flags) }
        let settled = settle()
        return cutsMessage && settled != .overflowed ? .dropped(cutsMessage: true) : settled
    }

    mutating func popFirst() -> (bytes: ByteBuffer, flags: BodyFlags)? {
        defer { account() }
        if let piece = rest.popFirst() { return piece }
        isRestOpen = false
        return messages.popFirst()
    }

    mutating func removeAll() {
        rest = PieceQueue()
        messages = PieceQueue()
        isRestOpen = false
        account()
    }

    private mutating func settle() -> OnAppend {
        account()
        switch overflow {
        case .pause: return isFull ? .full : .kept
        case .close: return isOver ? .overflowed : .kept
        case .dropOldest:
            guard isOver, !messages.isEmpty else { return .kept }
            var isWhole = true
            while isOver, !messages.isEmpty {
                isWhole = messages.dropMessage()
                account()
                dropped += 1
            }
            return .dropped(cutsMessage: !isWhole)
        }
    }
}
