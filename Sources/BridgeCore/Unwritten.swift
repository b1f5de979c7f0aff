// rtbridge: what a lost back-end connection has not written.
// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// The client's bytes that a back leg was given and that no kernel took, in order.
public struct Unwritten {
    public var pieces: [(bytes: ByteBuffer, flags: BodyFlags)] = []
    /// Whether the first of them (or, without any, what comes next) goes on a message whose beginning was written.
    public var isCut = false

    public init() {}

    var byteCount: Int { pieces.reduce(0) { $0 + $1.bytes.readableBytes } }
}
