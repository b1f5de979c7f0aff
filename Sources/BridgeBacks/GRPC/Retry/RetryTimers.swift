// rtbridge: the timers of a call that may be tried again.
// SPDX-License-Identifier: Apache-2.0

import BridgeCore

/// A timer that has fired or was cancelled is compared by identity with the one that is armed, so it does no harm.
struct RetryTimers {
    /// Until a head goes to the client though no message came.
    var hold: WheelTimer?
    /// Until the next attempt.
    var delay: WheelTimer?
    /// Until the attempt under way is given up.
    var attempt: WheelTimer?

    mutating func cancelAll() {
        hold?.cancel()
        delay?.cancel()
        attempt?.cancel()
        self = RetryTimers()
    }
}
