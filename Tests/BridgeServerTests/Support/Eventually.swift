// rtbridge: waiting for what will be so.
// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// What did not happen in time.
struct NotInTime: Error, CustomStringConvertible {
    let description: String
}

/// Looks on `loop` every two milliseconds until `condition` gives a value; after thirty seconds that is an error.
func eventually<Value: Sendable>(
    _ what: String, on loop: any EventLoop, _ condition: @escaping @Sendable () -> Value?
) async throws -> Value {
    let promise = loop.makePromise(of: Value.self)
    let end = NIODeadline.now() + .seconds(30)
    loop.scheduleRepeatedTask(initialDelay: .zero, delay: .milliseconds(2)) { task in
        if let value = condition() {
            task.cancel()
            promise.succeed(value)
        } else if NIODeadline.now() > end {
            task.cancel()
            promise.fail(NotInTime(description: "not within thirty seconds: \(what)"))
        }
    }
    return try await promise.futureResult.get()
}
