// rtbridge: every event in every phase of an exchange.
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import BridgeCore

struct ExchangeStateTests {
    enum Start: CaseIterable {
        case idle, idleFrontEnded, opening, openingFrontEnded, open, openFrontEnded, openBackEnded
        case reconnecting, reconnectingFrontEnded, closed

        var state: ExchangeState {
            var state = ExchangeState()
            switch self {
            case .idle: break
            case .idleFrontEnded: _ = state.frontEnded()
            case .opening: state.opened()
            case .openingFrontEnded:
                state.opened()
                _ = state.frontEnded()
            case .open, .openFrontEnded, .openBackEnded:
                state.opened()
                _ = state.backReady()
                if self == .openFrontEnded { _ = state.frontEnded() }
                if self == .openBackEnded { _ = state.backEnded(staysOpen: true) }
            case .reconnecting, .reconnectingFrontEnded:
                state.opened()
                _ = state.backReady()
                state.reconnects()
                if self == .reconnectingFrontEnded { _ = state.frontEnded() }
            case .closed: _ = state.closed()
            }
            return state
        }
    }

    private static func phase(_ start: Start) -> ExchangeState.Phase {
        switch start {
        case .idle, .idleFrontEnded: .idle
        case .opening, .openingFrontEnded: .opening
        case .open, .openFrontEnded, .openBackEnded: .open
        case .reconnecting, .reconnectingFrontEnded: .reconnecting
        case .closed: .closed
        }
    }

    @Test(arguments: Start.allCases)
    func theStartsOfThisTableAreWhatTheySay(_ start: Start) {
        #expect(start.state.phase == Self.phase(start))
        let ended: [Start] = [.idleFrontEnded, .openingFrontEnded, .openFrontEnded, .reconnectingFrontEnded]
        #expect(start.state.hasFrontEnded == ended.contains(start))
        #expect(start.state.hasBackEnded == (start == .openBackEnded))
    }

    private static let bodies: [ExchangeState.OnFrontBody] = [
        .hold, .drop, .hold, .drop, .forward, .drop, .forward, .holdBounded, .drop, .drop,
    ]

    @Test(arguments: zip(Start.allCases, Self.bodies))
    func bytesOfTheFront(_ start: Start, _ expected: ExchangeState.OnFrontBody) {
        var state = start.state
        let answer = state.frontBody()
        #expect(answer == expected)
        #expect(state.phase == Self.phase(start))
    }

    private static let frontEnds: [ExchangeState.OnFrontEnded] = [
        .hold, .ignore, .hold, .ignore, .forward, .ignore, .forwardAndClose, .hold, .ignore, .ignore,
    ]

    @Test(arguments: zip(Start.allCases, Self.frontEnds))
    func theEndOfTheFront(_ start: Start, _ expected: ExchangeState.OnFrontEnded) {
        var state = start.state
        let answer = state.frontEnded()
        #expect(answer == expected)
        #expect(state.phase == (expected == .forwardAndClose ? .closed : Self.phase(start)))
        #expect(state.hasFrontEnded == (start != .closed))
    }

    private static let departures: [ExchangeState.OnFrontClosed] = [
        .cancel, .cancel, .cancel, .cancel, .finishAndDetach, .detach, .finishAndDetach, .cancel, .cancel, .ignore,
    ]

    @Test(arguments: zip(Start.allCases, Self.departures))
    func theFrontGoesAway(_ start: Start, _ expected: ExchangeState.OnFrontClosed) {
        var state = start.state
        let answer = state.frontClosed()
        #expect(answer == expected)
        #expect(state.phase == .closed)
    }

    @Test(arguments: zip(Start.allCases, Self.departures))
    func theFrontGoesAwayAndSomethingOfItWaits(_ start: Start, _ expected: ExchangeState.OnFrontClosed) {
        var state = start.state
        let answer = state.frontClosed(hasHeld: true)
        #expect(answer == (expected == .cancel ? .outlive : expected))
        #expect(state.phase == (expected == .cancel ? Self.phase(start) : .closed))
        #expect(state.frontBody() == .drop)
    }

    private static let readiness: [ExchangeState.OnBackReady] = [
        .ignore, .ignore, .deliverHeld, .deliverHeld, .ignore, .ignore, .ignore, .deliverHeld, .deliverHeld, .ignore,
    ]

    @Test(arguments: zip(Start.allCases, Self.readiness))
    func theBackIsReady(_ start: Start, _ expected: ExchangeState.OnBackReady) {
        var state = start.state
        let answer = state.backReady()
        #expect(answer == expected)
        #expect(state.phase == (expected == .deliverHeld ? .open : Self.phase(start)))
    }

    private static let backEnds: [ExchangeState.OnBackEnded] = [
        .ignore, .ignore, .ignore, .ignore, .finishFrontAndClose, .finishFrontAndClose, .ignore, .ignore, .ignore,
        .ignore,
    ]

    @Test(arguments: zip(Start.allCases, Self.backEnds))
    func theEndOfTheBackForGood(_ start: Start, _ expected: ExchangeState.OnBackEnded) {
        var state = start.state
        let answer = state.backEnded(staysOpen: false)
        #expect(answer == expected)
        #expect(state.phase == (expected == .finishFrontAndClose ? .closed : Self.phase(start)))
    }

    private static let halfCloses: [ExchangeState.OnBackEnded] = [
        .ignore, .ignore, .ignore, .ignore, .finishFront, .finishFrontAndClose, .ignore, .ignore, .ignore, .ignore,
    ]

    @Test(arguments: zip(Start.allCases, Self.halfCloses))
    func theEndOfABackThatStillListens(_ start: Start, _ expected: ExchangeState.OnBackEnded) {
        var state = start.state
        let answer = state.backEnded(staysOpen: true)
        #expect(answer == expected)
        #expect(state.phase == (expected == .finishFrontAndClose ? .closed : Self.phase(start)))
    }

    @Test(arguments: [Start.open, .reconnecting])
    func theRestOfAMessageIsSkippedUpToItsEnd(_ start: Start) {
        var state = start.state
        state.skipRestOfMessage()
        let answers = [state.frontBody(), state.frontBody(.endsMessage), state.frontBody()]
        #expect(answers == [.drop, .drop, start == .open ? .forward : .holdBounded])
    }

    @Test func anotherAttemptBeforeTheFirstConnectionIsStillOpening() {
        var state = Start.opening.state
        state.reconnects()
        #expect(state.phase == .opening)
    }

    @Test(arguments: Start.allCases)
    func closingIsToldApartFromBeingClosed(_ start: Start) {
        var state = start.state
        let wasAlive = state.closed()
        #expect(wasAlive == (start != .closed))
        #expect(state.phase == .closed)
        let again = state.closed()
        #expect(!again)
    }
}
