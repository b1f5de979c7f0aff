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

    /// Makes a page that has to be asked for elsewhere.
    typealias MakeDeferred = @Sendable (_ loop: any EventLoop) -> EventLoopFuture<LocalPage>

    private var pages: [String: Make] = [:]
    private var deferred: [String: MakeDeferred] = [:]

    public init() {}

    public mutating func add(_ path: String, _ make: @escaping Make) { pages[path] = make }

    mutating func addDeferred(_ path: String, _ make: @escaping MakeDeferred) { deferred[path] = make }

    public mutating func add(_ other: LocalPages) {
        pages.merge(other.pages) { $1 }
        deferred.merge(other.deferred) { $1 }
    }

    /// - Returns: whether the path was one of these, and is answered.
    func answer(_ head: RequestHead, _ stream: any HTTPFrontStream, _ worker: Worker) -> Bool {
        guard !pages.isEmpty || !deferred.isEmpty, !head.fields.contains("upgrade"), head.method != .connect
        else { return false }
        let path = String(decoding: head.path, as: UTF8.self)
        let (make, makeDeferred) = (pages[path], deferred[path])
        guard make != nil || makeDeferred != nil else { return false }
        guard head.method == .get || head.method == .head else {
            var allow = FieldBlock()
            allow.append("allow", "GET, HEAD")
            LocalAnswer.send(stream, status: 405, extra: allow, text: "This page is read with GET.")
            return true
        }
        guard let make else {
            guard let makeDeferred else { return false }
            let pending = PendingPage(stream)
            stream.handler = pending
            makeDeferred(worker.eventLoop).assumeIsolated().whenComplete { pending.complete($0) }
            return true
        }
        let accept = head.fields.string("accept") ?? ""
        let page = make(accept.contains("application/json"))
        LocalAnswer.send(stream, status: page.status, fields: page.fields, body: page.body)
        return true
    }
}
