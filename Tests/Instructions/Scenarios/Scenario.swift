// rtbridge: something whose instructions are counted.
// SPDX-License-Identifier: Apache-2.0

/// One iteration is one request or one message. It counts its own steps by ``Meter/counted(_:)``, and throws
/// ``NotAsExpected`` where the bridge did something else: what fails is cheap.
struct Scenario: Sendable {
    typealias Iteration = () throws -> Void

    let name: String
    /// The iterations of the first part; the second has twice as many.
    let iterations: Int
    let make: @Sendable () throws -> Iteration

    /// What the two parts have in common, such as an array that grows once, is no part of their difference.
    func run() throws {
        let iterate = try make()
        for _ in 0..<iterations { try iterate() }
        Meter.partEnded()
        for _ in 0..<iterations { try iterate() }
        Meter.partEnded()
        for _ in 0..<2 * iterations { try iterate() }
        Meter.partEnded()
    }
}

/// A scenario did not do what its name says.
struct NotAsExpected: Error, CustomStringConvertible {
    let description: String

    static func check<Value: Equatable>(_ what: String, _ value: Value, _ expected: Value) throws {
        guard value != expected else { return }
        throw NotAsExpected(description: "\(what): \(value) instead of \(expected)")
    }
}
