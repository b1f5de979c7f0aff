// rtbridge: WebSocket as a front protocol.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgeCore
import BridgeWire
import NIOCore

/// WebSocket over HTTP/1.1 (RFC 6455) and HTTP/2 (RFC 8441).
public enum WebSocketFront: FrontProtocol {
    public static let name = FrontProtocolName.websocket

    public static func recognises(_ head: RequestHead) -> Bool {
        switch head.version {
        case .http1: WebSocketHandshake.isUpgrade(head.fields)
        case .http2: head.method == .connect && WebSocketHandshake.isExtendedConnect(head.fields)
        }
    }

    public static func accept(_ request: consuming FrontRequest) {
        let allowed = request.route.config.websocket.allowOrigins
        guard let upgrade = upgrade(request, allowOrigins: allowed, key: "websocket.allowOrigins") else { return }
        let offered = upgrade.subprotocols
        let known = request.route.config.websocket.subprotocols + ReconnectEvents.subprotocols(of: request.route)
        // A WebSocket back-end chooses by itself.
        let isOurs = request.route.config.backend.protocol != .websocket
        let subprotocol = isOurs ? known.first { offered.contains($0) } : nil
        WebSocketLeg(request, upgrade, subprotocol: subprotocol, deflate: deflate(request, upgrade)).start()
    }

    /// What a client's offer of compression is answered with, where the route has the bridge do it.
    static func deflate(_ request: FrontRequest, _ upgrade: WebSocketUpgrade) -> WebSocketLeg.Deflate? {
        guard request.route.config.websocket.compression == .on else { return nil }
        return WebSocketDeflateParameters.accept(upgrade.extensions)
    }

    /// Checks an opening handshake, and the page that it comes from. What is wrong is answered.
    ///
    /// - Parameter key: where `allowOrigins` are from.
    static func upgrade(_ request: FrontRequest, allowOrigins: [String]?, key: String) -> WebSocketUpgrade? {
        let upgrade: WebSocketUpgrade
        do throws(WebSocketHandshakeError) {
            switch request.head.version {
            case .http1:
                upgrade = try WebSocketHandshake.parse(
                    method: request.head.method == .get ? "GET" : "", fields: request.head.fields)
            case .http2: upgrade = try WebSocketHandshake.parseExtendedConnect(request.head.fields)
            }
        } catch {
            refuse(request, error)
            return nil
        }
        // Its bytes would be taken for frames, and there is no bound for them before the tunnel is open.
        guard !hasBody(request.head.fields) else {
            LocalAnswer.send(request.stream, status: 400, text: "A WebSocket's opening handshake has no body.")
            return nil
        }
        guard isOriginAllowed(request.head, allowOrigins) else {
            refuseOrigin(request, key)
            return nil
        }
        return upgrade
    }

    /// The answer that opens the session (RFC 6455 §4.2.2). Over HTTP/2 it is 200, and what belongs to an upgrade is not
    /// there (RFC 8441 §5).
    static func answer(_ upgrade: WebSocketUpgrade, subprotocol: String?) -> FieldBlock {
        var fields = FieldBlock()
        if let accept = upgrade.accept {
            fields.append(":status", "101")
            fields.append("upgrade", "websocket")
            fields.append("connection", "Upgrade")
            fields.append("sec-websocket-accept", accept.utf8)
        } else {
            fields.append(":status", "200")
        }
        if let subprotocol { fields.append("sec-websocket-protocol", subprotocol.utf8) }
        return fields
    }

    private static func hasBody(_ fields: FieldBlock) -> Bool {
        guard !fields.contains("transfer-encoding") else { return true }
        return fields.first("content-length").map { !$0.elementsEqual("0".utf8) } ?? false
    }

    public static func refuse(_ head: RequestHead, _ stream: any HTTPFrontStream) {
        LocalAnswer.send(stream, status: 404, text: "No route takes a WebSocket at this path.")
    }

    /// Answers a request without an upgrade at a place where only WebSocket is spoken (RFC 9110 §15.5.22).
    public static func refuseOther(_ head: RequestHead, _ stream: any HTTPFrontStream) {
        sendUpgradeRequired(head, stream, extra: FieldBlock(), text: "This path takes WebSocket alone.")
    }

    /// A 426 "MUST" name the protocol in `Upgrade` (RFC 9110 §15.5.22), which HTTP/2 does not have (RFC 9113 §8.2.2): there
    /// it is a 400.
    private static func sendUpgradeRequired(
        _ head: RequestHead, _ stream: any HTTPFrontStream, extra: FieldBlock, text: String
    ) {
        var extra = extra
        if head.version == .http1 { extra.append("upgrade", "websocket") }
        LocalAnswer.send(stream, status: head.version == .http1 ? 426 : 400, extra: extra, text: text)
    }

    private static func refuse(_ request: FrontRequest, _ error: WebSocketHandshakeError) {
        guard error.httpStatus == 426 else {
            return LocalAnswer.send(request.stream, status: error.httpStatus, text: error.reason)
        }
        // RFC 6455 §4.2.2: "a |Sec-WebSocket-Version| header field indicating the version(s) the server is willing to use"
        var extra = FieldBlock()
        extra.append("sec-websocket-version", WebSocketHandshakeError.supportedVersion.utf8)
        sendUpgradeRequired(request.head, request.stream, extra: extra, text: error.reason)
    }

    // MARK: Origin

    /// RFC 6455 §10.2: servers that are not meant for every page "SHOULD verify the |Origin| field". A client without
    /// one is no browser, and is let in. Without a list the page's own host has to be the one it calls.
    static func isOriginAllowed(_ head: RequestHead, _ allowed: [String]?) -> Bool {
        guard let origin = head.fields.string("origin") else { return true }
        if let allowed { return allowed.contains("*") || allowed.contains(origin) }
        let authority = head.fields.string(":authority") ?? ""
        guard let separator = origin.firstRange(of: "://") else { return false }
        return origin[separator.upperBound...].lowercased() == authority.lowercased()
    }

    private static func refuseOrigin(_ request: FrontRequest, _ key: String) {
        let origin = request.head.fields.string("origin") ?? ""
        request.worker.logger.warning(
            "websocket refused: origin not allowed",
            metadata: [
                "route.name": "\(request.route.name)", "request.origin": "\(origin)",
                "client.address": "\(request.head.connection.client)",
            ])
        let text = "Origin \(origin) is not among \(key) of route \(request.route.name)."
        LocalAnswer.send(request.stream, status: 403, text: text)
    }
}
