// rtbridge: what is kept of a request, and for how long.
// SPDX-License-Identifier: Apache-2.0

import BridgePolicy
import NIOCore
import Testing

@testable import BridgeBacks

struct KeptRequestTests {
    private static func append(_ text: String, to kept: inout KeptRequest, isKept: Bool) {
        let result = kept.append(ByteBuffer(string: text))
        #expect(result == isKept, "\(text)")
    }

    @Test func aRequestIsKeptUpToItsOwnBound() {
        let budget = ByteBudget(limit: 1 << 20)
        var kept = KeptRequest(maximum: 10, budget: budget)
        for text in ["12345", "67890"] { Self.append(text, to: &kept, isKept: true) }
        #expect(budget.used == 10 && kept.pieces.map { String(buffer: $0) } == ["1234567890"])
        Self.append("x", to: &kept, isKept: false)
        #expect(budget.used == 0 && kept.pieces.isEmpty)
        // What was let go does not begin again in the middle.
        Self.append("y", to: &kept, isKept: false)
        #expect(kept.pieces.isEmpty)
    }

    /// gRPC A6, "Memory Management": the calls of a channel have a bound together too.
    @Test func allRequestsTogetherHaveABound() {
        let budget = ByteBudget(limit: 10)
        var (first, second) = (KeptRequest(budget: budget), KeptRequest(budget: budget))
        Self.append("1234567", to: &first, isKept: true)
        Self.append("8901", to: &second, isKept: false)
        #expect(budget.used == 7 && budget.refused == 1)
        first.drop()
        first.drop()
        #expect(budget.used == 0)
        var third = KeptRequest(budget: budget)
        Self.append("8901", to: &third, isKept: true)
    }

    /// Five thousand bytes keep five thousand, and not the buffer that they were read into.
    @Test func aPieceKeepsNoMoreThanItself() {
        var kept = KeptRequest(budget: ByteBudget(limit: .max))
        let read = ByteBuffer(repeating: 7, count: 1 << 20)
        for index in 0..<10 {
            guard let piece = read.getSlice(at: index * 5000, length: 5000) else { continue }
            let isKept = kept.append(piece)
            #expect(isKept)
        }
        #expect(kept.count == 50_000)
        #expect(kept.pieces.reduce(0) { $0 + $1.storageCapacity } < 200_000)
    }
}
