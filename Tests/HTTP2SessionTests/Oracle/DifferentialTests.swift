// rtbridge: a session and libnghttp2 make the same of what peers say.
// SPDX-License-Identifier: Apache-2.0

import HTTP2Session
import Testing

struct DifferentialTests {
    private struct Tally {
        var frames = 0
        var heads = 0
        var over = 0
        var allowed: [String: Int] = [:]
    }

    private static func options(_ seed: UInt64) -> HTTP2Options {
        var options = HTTP2Options()
        // Some runs meet their limits.
        options.streamWindow = seed % 7 == 0 ? 2000 : 256 * 1024
        options.maxConcurrentStreams = seed % 11 == 0 ? 3 : 128
        options.maxHeaderListSize = seed % 13 == 0 ? 500 : 16 * 1024
        options.enablesConnectProtocol = seed % 3 == 0
        return options
    }

    /// - Returns: whether the run was without a difference that is not allowed.
    private static func run(_ role: HTTP2Role, _ seed: UInt64, _ tally: inout Tally) throws -> Bool {
        var traffic = PeerTraffic(role: role, seed: seed, calls: role == .back ? Differential.calls : [])
        let cut: Cut = seed % 10 == 0 ? .bytes : seed % 2 == 0 ? .whole : .random(seed: seed)
        let pair = try Differential(role: role, options: options(seed), seed: seed, cut)
        var bytes: [UInt8] = []
        for _ in 0..<Int.random(in: 5...40, using: &traffic.random) { bytes += traffic.operation() }
        defer { tally.heads += pair.heads }
        for frame in FrameContext.split(bytes) {
            tally.frames += 1
            switch pair.step(frame) {
            case .same: continue
            case .over:
                tally.over += 1
                return true
            case .allowed(let name):
                tally.allowed[name, default: 0] += 1
                return true
            case .differs(let what):
                Issue.record("\(role), seed \(seed), \(cut): \(what)")
                return false
            }
        }
        return true
    }

    @Test(arguments: [HTTP2Role.front, .back])
    func theSameFramesHaveTheSameEffects(_ role: HTTP2Role) throws {
        var tally = Tally()
        var failures = 0
        let runs = 1500
        for seed in 0..<UInt64(runs) where failures < 10 {
            if try !Self.run(role, seed, &tally) { failures += 1 }
        }
        // The runs are worth something: most go deep, and many end in an error.
        #expect(tally.frames > runs * 10, "\(tally)")
        #expect(tally.heads > runs * 2, "\(tally)")
        #expect(tally.over > runs / 10, "\(tally)")
        #expect(tally.allowed.values.reduce(0, +) < runs / 4, "\(tally)")
    }

    /// What valid frames come to does not depend on how many arrive at once.
    @Test(arguments: [HTTP2Role.front, .back])
    func validFramesThatArriveTogetherHaveTheSameEffects(_ role: HTTP2Role) throws {
        var heads = 0
        var exceptions = 0
        for seed in 0..<500 as Range<UInt64> {
            let calls = role == .back ? Differential.calls : []
            var traffic = PeerTraffic(role: role, seed: seed, calls: calls, isValid: true)
            let pair = try Differential(role: role, options: HTTP2Options(), seed: seed, .whole)
            for batch in 0..<4 {
                var bytes: [UInt8] = []
                for _ in 0..<Int.random(in: 1...20, using: &traffic.random) { bytes += traffic.operation() }
                let outcome = pair.step(together: bytes, &traffic.random)
                // From here on the two have sent different things.
                if case .allowed = outcome {
                    exceptions += 1
                    break
                }
                try #require(outcome == .same, "\(role), seed \(seed), batch \(batch)")
            }
            heads += pair.heads
        }
        #expect(exceptions < 500 / 3)
        #expect(heads > 500 * 4)
    }
}
