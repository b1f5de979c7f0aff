// rtbridge: random numbers that a seed repeats.
// SPDX-License-Identifier: Apache-2.0

import BridgePolicy
import Testing

struct SeededRandomTests {
    /// The first outputs of splitmix64.c for the state 1234567.
    @Test func theSequenceIsThatOfSplitMix64() {
        var random = SeededRandom(seed: 1_234_567)
        #expect(random.next() == 6_457_827_717_110_365_317)
        #expect(random.next() == 3_203_168_211_198_807_973)
        #expect(random.next() == 9_817_491_932_198_370_423)
    }
}
