// rtbridge: plain HTTP as a front protocol.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgeCore
import BridgeWire
import NIOCore

/// Requests over HTTP/1.1 and HTTP/2 that are none of the other protocols' (RFC 9110), passed through.
public enum HTTPFront: FrontProtocol {
    public static let name = FrontProtocolName.http

    /// Asked last: what no other protocol takes. An upgrade is taken by who speaks the other protocol, or not at all;
    /// other upgrades than WebSocket's are ignored, as RFC 9110 §7.8 lets a server do.
    public static func recognises(_ head: RequestHead) -> Bool { true }

    public static func accept(_ request: consuming FrontRequest) {
        if let (status, text) = problem(request.head) {
            return LocalAnswer.send(request.stream, status: status, text: text)
        }
        HTTPFrontLeg(request).start()
    }

    public static func refuse(_ head: RequestHead, _ stream: any HTTPFrontStream) {
        LocalAnswer.send(stream, status: 404, text: "No route matches this path.")
    }

    /// Why a request cannot be passed on.
    private static func problem(_ head: RequestHead) -> (Int, String)? {
        let fields = head.fields
        if let problem = methodProblem(head) { return problem }
        guard fields.withFirst(":path", HTTP1Target.isTarget) ?? false else {
            return (400, "The path is not a valid one.")
        }
        // Of HTTP/1.1 the ingress has looked at it.
        guard head.version == .http2 else { return nil }
        guard fields.withFirst(":authority", HTTP1Target.isAuthority) ?? true else {
            return (400, "The authority is not a host and a port.")
        }
        return hostProblem(head).map { (400, $0) }
    }

    private static func methodProblem(_ head: RequestHead) -> (Int, String)? {
        switch head.method {
        case .get, .post, .options, .head: return nil
        case .connect, .other: break
        }
        guard head.fields.withFirst(":method", HTTP1Target.isMethod) ?? false else {
            return (400, "The method is not a token.")
        }
        // A tunnel to anywhere, and an echo of fields that scripts may not see (RFC 9110 §9.3.6, §9.3.8).
        let isTrace = head.fields.withFirst(":method") { FieldBytes.areEqual($0, "TRACE") } ?? false
        guard head.method == .connect || isTrace else { return nil }
        return (405, "\(head.fields.string(":method") ?? "") is not passed on.")
    }

    /// RFC 9113 §8.3.1: a request whose Host is another than its `:authority` is malformed.
    private static func hostProblem(_ head: RequestHead) -> String? {
        guard let host = head.fields.string("host"), head.fields.contains(":authority") else {
            return nil
        }
        let authority = head.fields.string(":authority") ?? ""
        return host.lowercased() == authority.lowercased()
            ? nil : "The authority and the Host field name different hosts."
    }

    // MARK: CORS

    /// Answers a preflight on a route with a CORS policy; without one the back-end is asked.
    public static func answerPreflight(_ request: FrontRequest) {
        guard let cors = request.route.cors else { return accept(request) }
        guard let origin = cors.allowedOrigin(request.head.fields) else {
            let origin = request.head.fields.string("origin") ?? ""
            let text = "Origin \(origin) is not among cors.allowOrigins of route \(request.route.name)."
            return LocalAnswer.send(request.stream, status: 403, text: text)
        }
        let asked = request.head.fields.first("access-control-request-method") ?? []
        request.stream.respond(cors.preflight(request.head, origin: origin, methods: asked), endStream: true)
    }
}
