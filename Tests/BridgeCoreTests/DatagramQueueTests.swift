// rtbridge: datagrams that wait.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgeCore
import BridgePolicy
import NIOCore
import Testing

struct DatagramQueueTests {
    private let budget = ByteBudget(limit: 100)

    private func queue(_ overflow: UDPOptions.Overflow, limit: Int = 3) -> DatagramQueue {
        DatagramQueue(limit: limit, overflow: overflow, budget: budget)
    }

    private func fill(_ queue: inout DatagramQueue, _ words: [String]) -> [Bool] {
        words.map { queue.append(ByteBuffer(string: $0)) }
    }

    private func drained(_ queue: inout DatagramQueue) -> [String] {
        var words: [String] = []
        while let datagram = queue.popFirst() { words.append(String(buffer: datagram)) }
        return words
    }

    @Test func datagramsComeOutInOrderAndEmptyOnesAreDatagramsToo() {
        var queue = queue(.dropOldest)
        #expect(fill(&queue, ["a", "", "c"]) == [false, false, false])
        #expect(queue.count == 3 && budget.used == 2)
        #expect(drained(&queue) == ["a", "", "c"])
        #expect(budget.used == 0)
    }

    @Test(arguments: [(UDPOptions.Overflow.dropOldest, ["c", "d", "e"]), (.dropNewest, ["a", "b", "c"])])
    func aFullQueueLosesWhatTheRouteSays(_ overflow: UDPOptions.Overflow, _ left: [String]) {
        var queue = queue(overflow)
        #expect(fill(&queue, ["a", "b", "c", "d", "e"]) == [false, false, false, true, true])
        #expect(drained(&queue) == left)
    }

    @Test func nothingIsKeptWhileTheWorkerKeepsTooMuchAlready() {
        var (first, second) = (queue(.dropOldest), queue(.dropOldest))
        #expect(fill(&first, [String(repeating: "x", count: 100)]) == [false])
        #expect(fill(&second, ["y"]) == [true] && second.count == 0)
        first.removeAll()
        #expect(budget.used == 0)
        #expect(fill(&second, ["y"]) == [false])
    }
}
