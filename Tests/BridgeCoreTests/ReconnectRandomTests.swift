// rtbridge: sessions whose back-ends come and go in any order.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgePolicy
import NIOCore
import Testing

@testable import BridgeCore

/// Whatever happens in whatever order: nothing that the client sent is doubled or out of order, nothing is lost that no
/// kernel took, what is held stays within its bound, and there is one end.
struct ReconnectRandomTests {
    private static let limit = 200

    /// The client sends numbered messages, in pieces, and no more than it is let.
    private final class Run {
        let world: ReconnectWorld
        let options: ReconnectOptions
        var random: SplitMix
        var sent: [String] = []
        private var number = 0
        private var rest = ""
        private var mayBeLive = false

        init(seed: UInt64) {
            var random = SplitMix(seed: seed)
            var options = ReconnectOptions()
            options.policy.mode = ReconnectMode.allCases[Int.random(in: 0..<3, using: &random)]
            options.policy.backoff = BackoffParameters(
                initial: .milliseconds(100), multiplier: 2, max: .seconds(1), jitter: .full)
            options.policy.maxHold = .seconds(Int.random(in: 1...60, using: &random))
            options.policy.maxAttempts = Bool.random(using: &random) ? 0 : 4
            options.overflow = ReconnectOptions.Overflow.allCases[Int.random(in: 0..<3, using: &random)]
            options.preamble = Bool.random(using: &random) ? "<P>" : nil
            options.bufferBytes = ReconnectRandomTests.limit
            self.options = options
            world = ReconnectWorld { $0 = options }
            self.random = random
        }

        func step() {
            let exchange = world.exchange
            switch Int.random(in: 0..<100, using: &random) {
            case 0..<35: send()
            case 35..<60: if mayBeLive { world.back.write(Int.random(in: 0...40, using: &random)) }
            case 60..<72:
                guard !exchange.isOver, !world.back.isCancelled, world.back.exchange != nil else { return }
                mayBeLive = true
                world.connect()
            case 72..<80:
                mayBeLive = false
                exchange.backFailed(.lost)
            case 80..<83:
                if mayBeLive { exchange.backEnded() }
                mayBeLive = mayBeLive && exchange.state.phase == .open
            case 83..<88: exchange.backBody(ByteBuffer(string: "b"))
            case 88..<98: world.pass(.milliseconds(Int64.random(in: 0...600, using: &random)))
            case 98: if Int.random(in: 0..<20, using: &random) == 0 { exchange.frontClosed() }
            default: if Int.random(in: 0..<20, using: &random) == 0 { exchange.frontEnded() }
            }
        }

        /// The next piece of a message, if what was sent before was taken.
        private func send() {
            guard world.exchange.state.phase != .opening, !world.exchange.state.hasFrontEnded else { return }
            guard isTaken, !world.exchange.isOver else { return }
            if rest.isEmpty {
                number += 1
                rest = "\(number):" + String(repeating: "x", count: Int.random(in: 0...30, using: &random)) + ";"
                sent.append(rest)
            }
            let piece = String(rest.prefix(Int.random(in: 1...40, using: &random)))
            rest.removeFirst(piece.count)
            world.front.forget()
            hasSent = true
            world.fromFront(piece, rest.isEmpty ? .endsMessage : [])
        }

        private var hasSent = false
        private var isTaken: Bool { !hasSent || world.front.events.contains(.taken) }
        /// The last message was sent in part.
        var isMidMessage: Bool { !rest.isEmpty }
        var unsent: String { rest }
    }

    /// Each leg got the preamble first; returns what it got after it.
    private static func bodies(_ run: Run, _ seed: UInt64) -> [String] {
        run.world.written.map { text in
            guard let preamble = run.options.preamble else { return text }
            #expect(text.hasPrefix(preamble) || preamble.hasPrefix(text), "preamble, seed \(seed): \(text)")
            #expect(text.dropFirst(preamble.count).firstRange(of: preamble) == nil, "one preamble, seed \(seed)")
            return String(text.dropFirst(preamble.count))
        }
    }

    @Test func anyOrderOfEventsKeepsTheInvariants() {
        var (reconnects, drops, closes) = (0, 0, 0)
        for seed in 0..<6000 as Range<UInt64> {
            let run = Run(seed: seed)
            let world = run.world
            world.exchange.open(deadline: nil, idle: nil)
            for _ in 0..<Int.random(in: 1...250, using: &run.random) where !world.exchange.isOver {
                run.step()
                let held = world.exchange.reconnection?.held.byteCount ?? 0
                // A piece of 40 bytes, and what a leg held: below 64 bytes and a piece, when its client was let on.
                let most = run.options.overflow == .pause ? Self.limit + 144 : Self.limit
                #expect(held <= most || world.exchange.isOver, "bound, seed \(seed)")
            }
            let wasOver = world.exchange.isOver
            if !wasOver { finish(run) }
            reconnects += world.legs.count - 1
            drops += world.exchange.dropped
            if wasOver { closes += 1 }
            check(run, seed, isComplete: !wasOver)

            if !world.exchange.isOver { world.exchange.frontClosed() }
            let failures = world.front.events.count { if case .failed = $0 { true } else { false } }
            #expect(failures <= 1, "ends, seed \(seed)")
            #expect(world.legs.allSatisfy { $0.exchange == nil }, "a leg is left over, seed \(seed)")
            #expect(world.worker.timers.count == 0, "a timer is left over, seed \(seed)")
        }
        #expect(reconnects > 5000 && drops > 500 && closes > 500, "the test reaches what it is for")
    }

    /// Brings a back-end, and has it take all.
    private func finish(_ run: Run) {
        let world = run.world
        for _ in 0..<20 where world.exchange.state.phase != .open {
            guard !world.exchange.isOver else { return }
            if world.back.exchange != nil { world.connect() } else { world.pass(.seconds(1)) }
        }
        while world.exchange.state.phase == .open, world.back.hasPending { world.back.write(1000) }
    }

    private func check(_ run: Run, _ seed: UInt64, isComplete: Bool) {
        let bodies = Self.bodies(run, seed)
        let sent = run.sent.joined()
        let complete = isComplete && run.world.exchange.state.phase == .open
        let isLossless = run.world.exchange.dropped == 0
        switch run.options.policy.mode {
        case .resume where isLossless, .close where isLossless:
            let all = bodies.joined()
            #expect(sent.hasPrefix(all), "lost, doubled or out of order, seed \(seed)")
            if complete { #expect(all + run.unsent == sent, "lost, seed \(seed)") }
        case .resume, .close, .notify:
            // Each leg's bytes are messages in order; the last one may be cut, and then the next leg has none of it.
            let isNotify = run.options.policy.mode == .notify
            let stream = isNotify ? bodies.map(Self.wholeMessages) : [Self.wholeMessages(bodies.joined())]
            let numbers = stream.flatMap { $0 }
            #expect(numbers == Array(Set(numbers)).sorted(), "doubled or out of order, seed \(seed)")
            let missing = run.sent.count - (run.isMidMessage ? 1 : 0) - numbers.count
            if complete { #expect((0...run.world.exchange.dropped).contains(missing), "lost \(missing), seed \(seed)") }
        }
    }

    /// The numbers of the messages; what is no whole message may stand at the end alone.
    private static func wholeMessages(_ text: String) -> [Int] {
        var parts = text.split(separator: ";", omittingEmptySubsequences: false)
        parts.removeLast()
        return parts.map { part in
            let number = part.prefix { $0.isNumber }
            let isWhole =
                part.dropFirst(number.count).hasPrefix(":") && part.dropFirst(number.count + 1).allSatisfy { $0 == "x" }
            #expect(isWhole, "half a message: \(part)")
            return Int(number) ?? -1
        }
    }
}
