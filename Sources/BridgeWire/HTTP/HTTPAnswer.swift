// rtbridge: a whole answer over HTTP.
// SPDX-License-Identifier: Apache-2.0
import NIOCore

/// A back-end's answer that is passed on as it is. A class, so that what may hold one stays small.
public final class HTTPAnswer: Sendable, Equatable {
    public let status: Int
    /// End-to-end fields, without `:status` and `content-length`.
    public let fields: FieldBlock
    public let body: ByteBuffer

    public init(status: Int, fields: FieldBlock, body: ByteBuffer) {
        self.status = status
        self.fields = fields
        self.body = body
    }

    public static func == (left: HTTPAnswer, right: HTTPAnswer) -> Bool {
        left.status == right.status && left.fields == right.fields && left.body == right.body
    }
}
