// rtbridge: an exchange under events in any order.
// SPDX-License-Identifier: Apache-2.0

import NIOCore
import Testing

@testable import BridgeCore

/// Whatever happens in whatever order: no byte is lost, doubled or out of order, and there is exactly one end.
struct ExchangeRandomTests {
    /// Numbers the pieces of both directions, so that each can be told apart.
    private final class Run {
        let world: World
        var random: SplitMix
        var sentByFront = ""
        var sentByBack = ""
        var isOpen = false
        var hasFrontEnded = false
        var hasBackEnded = false

        init(seed: UInt64) {
            random = SplitMix(seed: seed)
            world = World(staysOpen: Bool.random(using: &random))
        }

        func step() {
            let exchange = world.exchange
            switch Int.random(in: 0..<100, using: &random) {
            case 0..<25:
                guard !hasFrontEnded else { return }
                let text = "f\(Int.random(in: 0..<1000, using: &random));"
                if !exchange.isOver { sentByFront += text }
                world.fromFront(text, Bool.random(using: &random) ? .endsMessage : [])
            case 25..<50:
                guard isOpen, !hasBackEnded else { return }
                let text = "b\(Int.random(in: 0..<1000, using: &random));"
                if !exchange.isOver { sentByBack += text }
                world.fromBack(text)
            case 50..<60:
                isOpen = isOpen || !exchange.isOver
                exchange.backReady()
            case 60..<63: exchange.backOpened()
            case 63..<70:
                world.front.isWritable.toggle()
                exchange.frontWritable()
            case 70..<77:
                world.back.isWritable.toggle()
                exchange.backWritable()
            case 77..<83: world.pass(.milliseconds(Int64.random(in: 0...400, using: &random)))
            case 83..<86:
                hasFrontEnded = true
                exchange.frontEnded()
            case 86..<89:
                hasBackEnded = hasBackEnded || isOpen
                exchange.backEnded()
            case 89:
                hasFrontEnded = hasFrontEnded || !exchange.isOver
                exchange.frontClosed()
            case 90: exchange.frontAborted(.gone)
            case 91: exchange.backFailed(.lost)
            default: exchange.noteActivity()
            }
        }
    }

    private static func text(_ events: [LegEvent]) -> String {
        events.map { if case .body(let text, _) = $0 { text } else { "" } }.joined()
    }

    @Test func anyOrderOfEventsKeepsTheInvariants() {
        for seed in 0..<5000 as Range<UInt64> {
            let run = Run(seed: seed)
            let world = run.world
            world.exchange.open(deadline: world.worker.now + .seconds(20), idle: .seconds(5))
            for _ in 0..<Int.random(in: 1...120, using: &run.random) where !world.exchange.isOver { run.step() }
            let wasOver = world.exchange.isOver
            // Whatever else is said now is said to nobody.
            let (front, back) = (world.front.events, world.back.events)
            if wasOver {
                for _ in 0..<40 { run.step() }
                #expect(world.front.events == front && world.back.events == back, "after the end, seed \(seed)")
            }

            // What the legs got is what was sent, up to where it ended.
            let (toBack, toFront) = (Self.text(world.back.events), Self.text(world.front.events))
            #expect(toFront == run.sentByBack, "to the front, seed \(seed)")
            if run.isOpen {
                #expect(toBack == run.sentByFront, "to the back, seed \(seed)")
            } else {
                #expect(toBack.isEmpty, "seed \(seed)")
            }

            // One end each, and it is the last thing.
            let ends = world.back.events.indices.filter { [.cancelled, .detached].contains(world.back.events[$0]) }
            #expect(ends == (wasOver ? [world.back.events.count - 1] : []), "ends of the back, seed \(seed)")
            let failures = world.front.events.indices.filter {
                if case .failed = world.front.events[$0] { true } else { false }
            }
            #expect(failures.isEmpty || failures == [world.front.events.count - 1], "failures, seed \(seed)")
            let finishes = world.front.events.count { if case .finished = $0 { true } else { false } }
            #expect(finishes + failures.count <= 2 && finishes <= 1, "ends of the front, seed \(seed)")
            #expect(world.worker.timers.count == (wasOver ? 0 : 2), "timers, seed \(seed)")

            if !wasOver { world.exchange.frontAborted(.gone) }
            #expect(world.worker.timers.count == 0, "seed \(seed)")
        }
    }
}
