// rtbridge: tests of grpc-timeout.
// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import BridgeWire

@Suite struct GRPCTimeoutTests {
    @Test(arguments: [
        ("1H", Duration.seconds(3600)), ("2M", .seconds(120)), ("3S", .seconds(3)), ("4m", .milliseconds(4)),
        ("5u", .microseconds(5)), ("6n", .nanoseconds(6)), ("0n", .zero), ("00000001S", .seconds(1)),
        ("99999999n", .nanoseconds(99_999_999)), ("123456789012m", .milliseconds(123_456_789_012)),
        ("000000000000000000000000000000001S", .seconds(1)),
    ])
    func valuesAreRead(text: String, duration: Duration) {
        // gRPC doc/PROTOCOL-HTTP2.md, "Requests".
        #expect(GRPCTimeout.parse(text.utf8) == duration)
    }

    @Test(arguments: [
        "99999999H", "999999999999999999H", "9223372036854775807n", "9223372036854775808n", "9223372036854775809n",
        "9223372036854775808S",
        "99999999999999999999999999999999999n",
        "100000000000000000H",
    ])
    func whatIsTooLongSaturates(text: String) {
        #expect(GRPCTimeout.parse(text.utf8) == GRPCTimeout.longest)
    }

    @Test(arguments: [
        "", "H", "1", "1h", "1s", "-1S", "+1S", " 1S", "1S ", "1.5S", "1SS", "S1", "1٣S", "99999999999999999999x1S",
    ])
    func whatIsMalformedIsRefused(text: String) {
        #expect(GRPCTimeout.parse(text.utf8) == nil)
    }

    @Test(arguments: [
        (Duration.zero, "0n"), (.seconds(-5), "0n"), (.nanoseconds(1), "1n"), (.nanoseconds(99_999_999), "99999999n"),
        (.nanoseconds(100_000_000), "100000u"), (.nanoseconds(100_000_001), "100001u"), (.seconds(1), "1000000u"),
        (.seconds(100), "100000m"), (.milliseconds(99_999_999), "99999999m"), (.seconds(100_000), "100000S"),
        (.microseconds(100_000_000_001), "100001S"), (.seconds(99_999_999), "99999999S"),
        (.seconds(100_000_000), "1666667M"),
        (.seconds(6_000_000_000), "1666667H"), (.seconds(Int64.max), "99999999H"), (Duration(attoseconds: 1), "1n"),
        (Duration(attoseconds: .max), "99999999H"), (Duration(attoseconds: .min), "0n"),
    ])
    func durationsAreWrittenWithEightDigitsRoundedUp(duration: Duration, text: String) {
        #expect(GRPCTimeout.encode(duration) == text)
    }

    @Test func whatIsWrittenIsReadAndNeverShorter() throws {
        let seed: UInt64 = 26
        var random = SeededRandom(seed: seed)
        for round in 0..<rounds(20_000) {
            let nanoseconds = Int64.random(
                in: 0...(Int64.max >> Int64.random(in: 2...60, using: &random)), using: &random)
            let duration = Duration.nanoseconds(nanoseconds)
            let text = GRPCTimeout.encode(duration)
            let read = try #require(GRPCTimeout.parse(text.utf8))
            guard text.utf8.count <= 9, read >= duration, GRPCTimeout.encode(read) == text else {
                Issue.record("seed \(seed), round \(round): \(duration) was written as \(text) and read as \(read)")
                return
            }
        }
    }

    @Test func randomValuesNeverTrap() {
        let seed: UInt64 = 27
        var random = SeededRandom(seed: seed)
        let characters = Array("0123456789999999HMSmunx-".utf8)
        for round in 0..<rounds(50_000) {
            let bytes = (0..<Int.random(in: 0...40, using: &random)).map { _ in
                characters.randomElement(using: &random)!
            }
            if let duration = GRPCTimeout.parse(bytes), duration < .zero || duration > GRPCTimeout.longest {
                Issue.record("seed \(seed), round \(round): \(duration)")
            }
        }
    }
}
