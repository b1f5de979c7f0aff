// rtbridge: a connection that waits for the tick's end.
// SPDX-License-Identifier: Apache-2.0

/// A connection with the one reference that keeps it until it was flushed: moving it from place to place counts nothing.
struct DirtyConnection {
    unowned(unsafe) let connection: any TickFlushable

    init(retaining connection: any TickFlushable) {
        self.connection = connection
        _ = Unmanaged.passRetained(connection as AnyObject)
    }

    /// To be called once.
    func release() { Unmanaged.passUnretained(connection as AnyObject).release() }
}
