// rtbridge: the marks between which instructions are counted.
// SPDX-License-Identifier: Apache-2.0

/// What callgrind is told by name: it counts inside of ``counted(_:)`` alone and writes down its figures, to begin
/// again at zero, at the end of ``partEnded()``. See gate.py.
enum Meter {
    /// What a client or a back-end would do, and the making of input, stays outside.
    @inline(never)
    @_optimize(none)
    @_silgen_name("rtbridge_counted")
    static func counted(_ body: () throws -> Void) throws { try body() }

    @inline(never)
    @_optimize(none)
    @_silgen_name("rtbridge_part_ended")
    static func partEnded() {}
}
