// rtbridge: tests of what a TLS connection may do next.
// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import NIOOpenSSL

@Suite struct StateTests {
    private func state(_ phase: TLSState.Phase) -> TLSState {
        var state = TLSState()
        if phase == .idle { return state }
        _ = state.start()
        if phase == .handshaking { return state }
        state.handshakeCompleted()
        if phase == .open { return state }
        _ = state.close()
        if phase == .closing { return state }
        state.end()
        return state
    }

    @Test(arguments: [
        (TLSState.Phase.idle, true), (.handshaking, false), (.open, false), (.closing, false), (.closed, false),
    ])
    func aHandshakeBeginsOnce(phase: TLSState.Phase, begins: Bool) {
        var state = state(phase)
        let didBegin = state.start()
        #expect(didBegin == begins)
    }

    @Test(arguments: [
        (TLSState.Phase.idle, TLSState.OnTransportEnded.nothing), (.handshaking, .handshakeCut), (.open, .truncated),
        (.closing, .nothing), (.closed, .nothing),
    ])
    func theTransportsEndMeansWhatThePhaseSays(phase: TLSState.Phase, meaning: TLSState.OnTransportEnded) {
        var state = state(phase)
        let end = state.transportEnded()
        #expect(end == meaning)
    }

    @Test func afterACloseNotifyTheTransportsEndMeansNothing() {
        var state = state(.open)
        let isNews = state.closeNotifyReceived()
        #expect(isNews)
        #expect(!state.isReceiving)
        let isNewsAgain = state.closeNotifyReceived()
        #expect(!isNewsAgain)
        let end = state.transportEnded()
        #expect(end == .nothing)
        #expect(state.isWritable)
    }

    @Test(arguments: [
        (TLSState.Phase.idle, TLSState.OnClose.closeTransport, TLSState.Phase.closed),
        (.handshaking, .closeTransport, .closed), (.open, .sendCloseNotify, .closing),
        (.closing, .closeTransport, .closed), (.closed, .closeTransport, .closed),
    ])
    func aCloseDoesWhatThePhaseAllows(phase: TLSState.Phase, action: TLSState.OnClose, next: TLSState.Phase) {
        var state = state(phase)
        let answer = state.close()
        #expect(answer == action)
        #expect(state.phase == next)
        #expect(!state.isWritable)
        #expect(!state.isReceiving)
    }

    @Test(arguments: [
        (TLSState.Phase.idle, TLSState.OnCloseOutput.wait), (.handshaking, .wait), (.open, .sendCloseNotify),
        (.closing, .alreadyClosed), (.closed, .alreadyClosed),
    ])
    func aHalfCloseWaitsForTheHandshake(phase: TLSState.Phase, action: TLSState.OnCloseOutput) {
        var state = state(phase)
        let answer = state.closeOutput()
        #expect(answer == action)
        #expect(!state.isWritable)
        let again = state.closeOutput()
        #expect(again == .alreadyClosed)
    }

    @Test func aCloseAfterAHalfCloseOnlyDrains() {
        var state = state(.open)
        _ = state.closeOutput()
        state.closeNotifySent()
        #expect(!state.isSealing)
        #expect(state.isReceiving)
        let answer = state.close()
        #expect(answer == .drain)
    }

    @Test func aCloseBeforeTheHalfClosesNotifyIsOutSendsIt() {
        var state = state(.open)
        _ = state.closeOutput()
        #expect(state.isSealing)
        let answer = state.close()
        #expect(answer == .sendCloseNotify)
    }

    @Test func onlyTheFirstEndIsNew() {
        var state = state(.open)
        let isFirst = state.end()
        #expect(isFirst)
        let isFirstAgain = state.end()
        #expect(!isFirstAgain)
    }
}
