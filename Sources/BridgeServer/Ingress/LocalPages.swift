// rtbridge: paths that the bridge answers by itself.
// SPDX-License-Identifier: Apache-2.0

import BridgeCore
import BridgeWire
import NIOCore

/// A page that is ready to be sent.
public struct LocalPage: Sendable {
    public var status: Int
    /// Without `:status` and `content-length`.
    public var fields: FieldBlock
    public var body: ByteBuffer

    public init(status: Int = 200, fields: FieldBlock, body: ByteBuffer) {
        self.status = status
        self.fields = fields
        self.body = body
    }
}

/// Pages by their exact path, for GET and HEAD.
public struct LocalPages: Sendable {
    public typealias Make = @Sendable (_ acceptsJSON: Bool) -> LocalPage

    private var pages: [String: Make] = [:]

    public init() {}

    public mutating func add(_ path: String, _ make: @escaping Make) { pages[path] = make }

    public mutating func add(_ other: LocalPages) { pages.merge(other.pages) { $1 } }

    /// - Returns: whether the path was one of these, and is answered.
    func answer(_ head: RequestHead, _ stream: any HTTPFrontStream) -> Bool {
        guard !pages.isEmpty, !head.fields.contains("upgrade"), head.method != .connect,
            let make = pages[String(decoding: head.path, as: UTF8.self)]
        else { return false }
        guard head.method == .get || head.method == .head else {
            var allow = FieldBlock()
            allow.append("allow", "GET, HEAD")
            LocalAnswer.send(stream, status: 405, extra: allow, text: "This page is read with GET.")
            return true
        }
        let accept = head.fields.string("accept") ?? ""
        let page = make(accept.contains("application/json"))
        LocalAnswer.send(stream, status: page.status, fields: page.fields, body: page.body)
        return true
    }
}
