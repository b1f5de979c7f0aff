// rtbridge: what a piece of an HTTP/1.1 connection's bytes says.
// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// Parts of one message, in the order in which they stand here.
public struct HTTP1Parsed {
    public internal(set) var head: HTTP1Head?
    /// The first piece of the body; pieces share the memory of what was parsed.
    public internal(set) var body: ByteBuffer?
    /// The pieces behind it, one for each chunk.
    public internal(set) var moreBody: [ByteBuffer] = []
    /// The message is whole. Nothing behind it was looked at.
    public internal(set) var isEnd = false
    public internal(set) var trailers: FieldBlock?
    /// Nothing more can be parsed.
    public internal(set) var violation: HTTP1Violation?
}
