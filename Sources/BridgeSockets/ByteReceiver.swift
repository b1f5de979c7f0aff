// rtbridge: what takes bytes that came from the wire.
// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// The shortest way to a handler for the bytes of the handler before it: past the pipeline. Belongs to the channel's
/// event loop.
///
/// A receiver takes whatever comes: the one before it reads on without being asked, and tells of no read's end. Who
/// wants to pause takes its bytes from the pipeline.
public protocol ByteReceiver: AnyObject {
    /// Takes bytes in the place of `channelRead`.
    func receive(_ bytes: ByteBuffer)
}
