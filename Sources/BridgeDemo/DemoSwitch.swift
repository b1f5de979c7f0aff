// rtbridge: a back-end of the demo that can be stopped and started.
// SPDX-License-Identifier: Apache-2.0

/// What a button of the page does to a back-end. It comes back at the same address.
struct DemoSwitch: Sendable {
    /// As the control's lines name it.
    var name: String
    var stop: @Sendable () async -> Void
    var start: @Sendable () async throws -> Void
}
