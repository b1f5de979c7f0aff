// rtbridge: one failure in the words of three protocols.
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import BridgeCore

struct FailureTests {
    /// Kind, whose fault, gRPC's code (statuscodes.md), HTTP's (RFC 9110 §15), WebSocket's (RFC 6455 §7.4.1 and IANA).
    private static let table: [(Failure.Kind, Failure.Origin, Int, Int, UInt16)] = [
        (.resolveFailed, .back, 14, 502, 1013), (.connectFailed, .back, 14, 502, 1013),
        (.connectTimeout, .back, 14, 504, 1013), (.connectionLost, .back, 14, 502, 1013),
        (.streamReset, .back, 14, 502, 1011), (.refused, .back, 14, 502, 1013), (.notGRPC, .back, 13, 502, 1011),
        (.deadlineExceeded, .bridge, 4, 504, 1001), (.idleTimeout, .bridge, 14, 504, 1001),
        (.messageTooBig, .front, 8, 502, 1009), (.protocolViolation, .front, 13, 400, 1002),
        (.protocolViolation, .back, 13, 502, 1014), (.aborted, .front, 1, 502, 1011),
        (.draining, .bridge, 14, 503, 1001), (.overloaded, .bridge, 14, 503, 1013),
        (Failure.Kind(rawValue: "of_an_extension"), .back, 14, 502, 1011),
    ]

    @Test(arguments: 0..<table.count)
    func eachKindHasItsCodes(_ row: Int) {
        let (kind, origin, grpc, http, close) = Self.table[row]
        let failure = Failure(kind, origin, .body, "reason")
        #expect(failure.grpcStatusCode == grpc, "\(kind.rawValue)")
        #expect(failure.httpStatus == http, "\(kind.rawValue)")
        #expect(failure.closeCode == close, "\(kind.rawValue)")
    }

    @Test func aCodeOfItsOwnCountsMoreThanTheKinds() {
        #expect(Failure(.streamReset, .back, .body, "reset", grpcCode: 8).grpcStatusCode == 8)
    }

    @Test func theMessageTellsOfTheAttempts() {
        var failure = Failure(.connectFailed, .back, .connect, "connection refused", address: "10.0.0.11:50051")
        failure.attempts = .init(count: 3, limit: 3, elapsed: .milliseconds(412))
        #expect(
            failure.message(route: "greeter", isBrief: false)
                == "route greeter: 10.0.0.11:50051: connect: connection refused (attempt 3 of 3, 412 ms)")
        failure.attempts = .init(count: 7, limit: 0, elapsed: .seconds(30))
        #expect(failure.message(route: "greeter", isBrief: false).hasSuffix(" (attempt 7, 30000 ms)"))
        #expect(failure.message(route: "greeter", isBrief: true) == "connect failed")
    }

    @Test func theMessageSaysWhereAndWhat() {
        let failure = Failure(.connectFailed, .back, .connect, "connection refused", address: "10.0.0.11:50051")
        #expect(
            failure.message(route: "greeter", isBrief: false)
                == "route greeter: 10.0.0.11:50051: connect: connection refused")
        let own = Failure(.draining, .bridge, .body, "draining")
        #expect(own.message(route: "greeter", isBrief: false) == "route greeter: draining")
    }

    @Test func aBriefMessageTellsNeitherAddressNorPhaseNorReason() {
        let failure = Failure(.connectFailed, .back, .connect, "10.0.0.11 said no", address: "10.0.0.11:50051")
        #expect(failure.message(route: "greeter", isBrief: true) == "connect failed")
    }

    @Test func reasonsInLogsAreStable() {
        let kinds: [Failure.Kind] = [
            .resolveFailed, .connectFailed, .connectTimeout, .connectionLost, .streamReset, .refused, .notGRPC,
            .deadlineExceeded, .idleTimeout, .messageTooBig, .protocolViolation, .aborted, .draining, .overloaded,
        ]
        #expect(
            kinds.map(\.rawValue) == [
                "resolve_failed", "connect_failed", "connect_timeout", "connection_lost", "stream_reset", "refused",
                "not_grpc", "deadline_exceeded", "idle_timeout", "message_too_big", "protocol_violation", "aborted",
                "draining", "overloaded",
            ])
    }
}
