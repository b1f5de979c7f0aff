// rtbridge: what takes bytes on their way to the wire.
// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// The shortest way for a handler's bytes: past the pipeline and past the channel's queue of writes, which keep the order
/// all the same. Belongs to the channel's event loop.
public protocol ByteSink: AnyObject {
    /// Sends `bytes`, or hands them to the channel for ``flush()``.
    func send(_ bytes: ByteBuffer)
    /// Has the channel send what it was handed: to be called at the end of the tick alone, since a write that fails
    /// brings events about.
    func flush()
}
