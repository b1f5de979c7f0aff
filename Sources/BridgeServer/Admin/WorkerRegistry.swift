// rtbridge: asking all workers.
// SPDX-License-Identifier: Apache-2.0

import NIOCore
import Synchronization

/// The workers of a bridge, once there are any. Each is asked on its own event loop, so that what it holds needs no lock.
final class WorkerRegistry: Sendable {
    private let workers = Mutex<[NIOLoopBound<WorkerState>]>([])

    init() {}

    func set(_ all: [NIOLoopBound<WorkerState>]) { workers.withLock { $0 = all } }

    /// What `read` says of each worker, in their order. Fails if a worker has ended.
    func gather<Answer: Sendable>(
        on loop: any EventLoop, _ read: @escaping @Sendable (WorkerState) -> Answer
    ) -> EventLoopFuture<[Answer]> {
        let asked = workers.withLock { $0 }.map { worker in worker.eventLoop.submit { read(worker.value) } }
        return EventLoopFuture.whenAllSucceed(asked, on: loop)
    }
}
