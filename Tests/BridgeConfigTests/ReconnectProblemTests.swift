// rtbridge: what is said of wrong reconnection, and what is read of right one.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgePolicy
import Testing

struct ReconnectProblemTests {
    static let wrong: [Case] = [
        Case(
            #""backend": "b", "reconnect": {"mode": "restart", "maxAttempts": -1, "overflow": "dropNewest"}"#,
            #"""
            f:6:39: routes[0].reconnect.mode: "restart" is not known here
              Known: "close", "notify", "resume".
            f:6:65: routes[0].reconnect.maxAttempts: -1 is outside 0...1000000
            f:6:81: routes[0].reconnect.overflow: "dropNewest" is not known here
              Did you mean "dropOldest"? Known: "pause", "dropOldest", "close".
            """#),
        Case(
            #""backend": "b", "reconnect": {"maxHold": 30, "bufferBytes": 0, "resetAfter": "off", "preamble": ""}"#,
            #"""
            f:6:42: routes[0].reconnect.maxHold: 30 has no unit
              Write "30s" for seconds or "30ms" for milliseconds.
            f:6:61: routes[0].reconnect.bufferBytes: 0 is outside 1B...1GiB
            f:6:78: routes[0].reconnect.resetAfter: "off" is not possible here
              Write a duration in 0s...8760h.
            f:6:97: routes[0].reconnect.preamble: is empty
              Leave the key out to have nothing sent.
            """#),
        Case(
            #""backend": "b", "reconnect": {"backoff": {"initial": "2s", "max": "1s", "jitter": 1.5}, "maxhold": "1s"}"#,
            #"""
            f:6:67: routes[0].reconnect.backoff.max: max is shorter than initial
              initial is 2s, max 1s.
            f:6:83: routes[0].reconnect.backoff.jitter: 1.5 is outside 0.0...1.0
              Write a fraction of the delay, for example 0.2 for ±20 %.
            f:6:89: routes[0].reconnect.maxhold: unknown key
              Did you mean "maxHold"? Known keys: backoff, bufferBytes, maxAttempts, maxHold, mode, overflow, preamble, resetAfter.
            """#),
        Case(
            #""backend": "grpc://a:1", "reconnect": {}"#,
            #"""
            f:6:39: routes[0].reconnect: is for tcp, udp and websocket back-ends; this one speaks grpc
              Leave the key out: gRPC connections are dialled anew for the next call, by the back-end's backoff.
            """#),
        Case(
            #""backend": "udp://a:1", "udp": {"maxDatagramBytes": 4}, "reconnect": {"preamble": "hello"}"#,
            #"""
            f:6:83: routes[0].reconnect.preamble: is longer than a datagram may be
              udp.maxDatagramBytes is 4.
            """#),
    ]

    @Test(arguments: wrong)
    func whatIsWrongIsReportedWhereItIsWrong(_ wrong: Case) {
        #expect(complaints(document(route: wrong.text)).joined(separator: "\n") == wrong.problems)
    }

    @Test func theDefaultsAreThoseOfTheContract() throws {
        let options = try #require(
            try loaded(document(route: #""backend": "b", "reconnect": {}"#)).routes[0].reconnect)
        #expect(options.policy.mode == .close && options.policy.maxAttempts == 0)
        #expect(options.policy.maxHold == .seconds(30) && options.policy.resetAfter == .seconds(10))
        #expect(options.bufferBytes == 256 * 1024 && options.overflow == .pause && options.preamble == nil)
        #expect(
            options.policy.backoff
                == BackoffParameters(
                    initial: .milliseconds(250), multiplier: 2, max: .seconds(10), jitter: .decorrelated))
    }

    @Test func withoutTheKeyOrWithNullNothingReconnects() throws {
        #expect(try loaded(document(route: #""backend": "b""#)).routes[0].reconnect == nil)
        #expect(try loaded(document(route: #""backend": "b", "reconnect": null"#)).routes[0].reconnect == nil)
    }

    /// A protocol's greeting ends with a line break, and a password in it does not stand in the file.
    @Test func aPreambleMayHoldLineBreaksAndVariables() throws {
        let text = document(route: #""backend": "b", "reconnect": {"preamble": "AUTH ${TOKEN}\r\n\t\u0000"}"#)
        let options = try loaded(text, environment: ["TOKEN": "secret"]).routes[0].reconnect
        #expect(options?.preamble == "AUTH secret\r\n\t\0")
    }
}
