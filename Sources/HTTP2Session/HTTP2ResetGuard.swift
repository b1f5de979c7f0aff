// rtbridge: how many streams a peer may make and break.
// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// A bucket of tokens, one for each stream that the peer resets or makes us reset (CVE-2023-44487 "rapid reset",
/// CVE-2025-8671 "MadeYouReset"): each may have cost a back-end's work.
struct HTTP2ResetGuard {
    /// Resets at once.
    private static let burst = 1000
    /// Resets a second that go on for ever.
    private static let rate = 33

    private var tokens = burst
    private var filledAt = NIODeadline.uptimeNanoseconds(0)

    /// - Returns: false if it was one too many.
    mutating func take(now: NIODeadline) -> Bool {
        let seconds = Int(clamping: (now - filledAt).nanoseconds / 1_000_000_000)
        if seconds > 0 {
            tokens = seconds > Self.burst ? Self.burst : min(Self.burst, tokens + seconds * Self.rate)
            filledAt = now
        }
        guard tokens > 0 else { return false }
        tokens -= 1
        return true
    }
}
