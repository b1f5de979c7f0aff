// rtbridge: WebSocket as a front protocol.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgeCore
import BridgeWire
import NIOCore

/// WebSocket over HTTP/1.1 (RFC 6455).
public enum WebSocketFront: FrontProtocol {
    public static let name = FrontProtocolName.websocket

    public static func recognises(_ head: RequestHead) -> Bool {
        head.version == .http1 && WebSocketHandshake.isUpgrade(head.fields)
    }

    public static func accept(_ request: FrontRequest) {
        let upgrade: WebSocketUpgrade
        do throws(WebSocketHandshakeError) {
            upgrade = try WebSocketHandshake.parse(
                method: request.head.method == .get ? "GET" : "", fields: request.head.fields)
        } catch {
            return refuse(request.stream, error)
        }
        // Its bytes would be taken for frames, and there is no bound for them before the tunnel is open.
        guard !hasBody(request.head.fields) else {
            return LocalAnswer.send(request.stream, status: 400, text: "A WebSocket's opening handshake has no body.")
        }
        guard isOriginAllowed(request) else { return refuseOrigin(request) }
        let offered = upgrade.subprotocols
        let known = request.route.config.websocket.subprotocols + ReconnectEvents.subprotocols(of: request.route)
        // A WebSocket back-end chooses by itself.
        let isOurs = request.route.config.backend.protocol != .websocket
        let subprotocol = isOurs ? known.first { offered.contains($0) } : nil
        let deflate =
            request.route.config.websocket.compression == .on
            ? WebSocketDeflateParameters.accept(upgrade.extensions) : nil
        WebSocketLeg(request, accept: upgrade.accept ?? "", subprotocol: subprotocol, deflate: deflate).start()
    }

    private static func hasBody(_ fields: FieldBlock) -> Bool {
        guard !fields.contains("transfer-encoding") else { return true }
        return fields.first("content-length").map { !$0.elementsEqual("0".utf8) } ?? false
    }

    public static func refuse(_ head: RequestHead, _ stream: any HTTPFrontStream) {
        LocalAnswer.send(stream, status: 404, text: "No route takes a WebSocket at this path.")
    }

    /// Answers a request without an upgrade at a place where only WebSocket is spoken (RFC 9110 §15.5.22).
    public static func refuseOther(_ stream: any HTTPFrontStream) {
        var extra = FieldBlock()
        extra.append("upgrade", "websocket")
        LocalAnswer.send(stream, status: 426, extra: extra, text: "This path takes WebSocket alone.")
    }

    private static func refuse(_ stream: any HTTPFrontStream, _ error: WebSocketHandshakeError) {
        var extra = FieldBlock()
        // RFC 6455 §4.2.2: "a |Sec-WebSocket-Version| header field indicating the version(s) the server is willing to use"
        if error.httpStatus == 426 {
            extra.append("upgrade", "websocket")
            extra.append("sec-websocket-version", WebSocketHandshakeError.supportedVersion.utf8)
        }
        LocalAnswer.send(stream, status: error.httpStatus, extra: extra, text: error.reason)
    }

    // MARK: Origin

    /// RFC 6455 §10.2: servers that are not meant for every page "SHOULD verify the |Origin| field". A client without
    /// one is no browser, and is let in. Without a list the page's own host has to be the one it calls.
    private static func isOriginAllowed(_ request: FrontRequest) -> Bool {
        guard let origin = request.head.fields.string("origin") else { return true }
        if let allowed = request.route.config.websocket.allowOrigins {
            return allowed.contains("*") || allowed.contains(origin)
        }
        let authority = request.head.fields.string(":authority") ?? ""
        guard let separator = origin.firstRange(of: "://") else { return false }
        return origin[separator.upperBound...].lowercased() == authority.lowercased()
    }

    private static func refuseOrigin(_ request: FrontRequest) {
        let origin = request.head.fields.string("origin") ?? ""
        request.worker.logger.warning(
            "websocket refused: origin not allowed",
            metadata: [
                "route.name": "\(request.route.name)", "request.origin": "\(origin)",
                "client.address": "\(request.head.connection.client)",
            ])
        let text = "Origin \(origin) is not among websocket.allowOrigins of route \(request.route.name)."
        LocalAnswer.send(request.stream, status: 403, text: text)
    }
}
