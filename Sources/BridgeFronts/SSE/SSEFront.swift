// rtbridge: server-sent events as a front protocol.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgeCore
import BridgeWire
import NIOCore

/// Sessions with TCP and UDP back-ends, and server-streaming gRPC calls, for networks that let no WebSocket through: read
/// as events (HTML Living Standard §9.2), written to by POST.
public enum SSEFront: FrontProtocol {
    public static let name = FrontProtocolName.sse

    /// A GET that accepts events, or what names a session.
    public static func recognises(_ head: RequestHead) -> Bool {
        switch head.method {
        case .get: acceptsEvents(head.fields)
        case .post, .other, .options: SSEName.inQuery(head) != nil
        case .head, .connect: false
        }
    }

    private static func acceptsEvents(_ fields: FieldBlock) -> Bool {
        guard fields.contains("accept") else { return false }
        return FieldTokens.elements(fields, "accept").contains { element in
            element.prefix { $0 != ";" && $0 != " " }.lowercased() == "text/event-stream"
        }
    }

    public static func accept(_ request: consuming FrontRequest) {
        guard isOriginAllowed(request) else { return refuseOrigin(request) }
        switch request.head.method {
        case .get:
            if let id = lastEventID(request.head) { resume(request, id) } else { begin(request) }
        case .post: SSEPost(request, SSEName.inQuery(request.head) ?? "").start()
        case .other where isDelete(request.head): SSEPost.end(request, SSEName.inQuery(request.head) ?? "")
        case .other, .options, .head, .connect:
            var extra = FieldBlock()
            extra.append("allow", "GET, POST, DELETE")
            answer(request, 405, "A session is read with GET, written with POST and ended with DELETE.", extra)
        }
    }

    public static func refuse(_ head: RequestHead, _ stream: any HTTPFrontStream) {
        LocalAnswer.send(stream, status: 404, text: "No route matches this path.")
    }

    private static func isDelete(_ head: RequestHead) -> Bool {
        head.fields.first(":method")?.elementsEqual("DELETE".utf8) ?? false
    }

    /// What the client has had, by the header or, for clients that cannot set it, by the query.
    private static func lastEventID(_ head: RequestHead) -> String? { head.fields.string("last-event-id") }

    // MARK: Sessions

    private static func begin(_ request: FrontRequest) {
        let session: SSESession
        do throws(SSERefusal) {
            session = try SSESession(request)
        } catch {
            return answer(request, error.status, error.text)
        }
        session.start(SSEClient(request, session.bound, session.name))
    }

    /// An `EventSource` comes back by itself, unless it is told 204 ("No Content").
    private static func resume(_ request: FrontRequest, _ id: String) {
        guard let (name, number) = SSEName.parse(id),
            let entry = request.worker.sessions.find(name, route: request.route.name)
        else { return answer(request, 204, nil) }
        let client = SSEClient(request, entry.session, name)
        client.reattach(after: number)
    }

    static func answer(
        _ request: FrontRequest, _ status: Int, _ text: String?, _ extra: FieldBlock = FieldBlock()
    ) {
        var fields = extra
        addCORS(request, &fields)
        guard let text else {
            var head = FieldBlock()
            head.append(":status", String(status).utf8)
            head.append(fields)
            return request.stream.respond(head, endStream: true)
        }
        LocalAnswer.send(request.stream, status: status, extra: fields, text: text)
    }

    // MARK: Origins

    /// As for WebSockets (RFC 6455 §10.2): a page of another host neither reads nor opens a session, unless `cors` says so.
    private static func isOriginAllowed(_ request: FrontRequest) -> Bool {
        let fields = request.head.fields
        guard let origin = fields.string("origin") else { return !isOfAnotherSite(fields) }
        if request.route.cors?.allowedOrigin(fields) != nil { return true }
        guard let separator = origin.firstRange(of: "://") else { return false }
        return origin[separator.upperBound...].lowercased() == (fields.string(":authority") ?? "").lowercased()
    }

    /// Fetch Metadata §2.3: a page that fetches without CORS sends no Origin with a GET, but the browser says where it is.
    private static func isOfAnotherSite(_ fields: FieldBlock) -> Bool {
        switch fields.string("sec-fetch-site") {
        case "cross-site", "same-site": true
        case .some, nil: false
        }
    }

    private static func refuseOrigin(_ request: FrontRequest) {
        let origin = request.head.fields.string("origin") ?? ""
        let text = "Origin \(origin) is not among cors.allowOrigins of route \(request.route.name)."
        LocalAnswer.send(request.stream, status: 403, text: text)
    }

    static func addCORS(_ request: FrontRequest, _ fields: inout FieldBlock) {
        guard let cors = request.route.cors, let origin = cors.allowedOrigin(request.head.fields) else { return }
        cors.decorate(&fields, origin: origin, exposingOnly: [])
    }

    /// Answers a preflight of a POST or DELETE; it never reaches a back-end.
    public static func answerPreflight(_ request: FrontRequest) {
        guard let cors = request.route.cors, let origin = cors.allowedOrigin(request.head.fields) else {
            return refuseOrigin(request)
        }
        let answer = cors.preflight(request.head, origin: origin, methods: "GET, POST, DELETE".utf8)
        request.stream.respond(answer, endStream: true)
    }

    /// Whether a preflight is for a request to a session.
    public static func isOfSession(_ head: RequestHead) -> Bool { SSEName.inQuery(head) != nil }
}

/// Why a session cannot begin.
struct SSERefusal: Error {
    var status: Int
    var text: String
}
