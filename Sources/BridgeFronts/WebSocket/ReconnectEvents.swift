// rtbridge: what a client that asks is told of a lost back-end.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgeCore
import BridgeWire
import NIOCore

/// The text messages of `reconnect.mode` `notify`. Data of a back-end always comes in binary messages, so a client can
/// tell the two apart.
enum ReconnectEvents {
    /// Offered by a client that wants events; chosen where none of the route's own subprotocols is offered as well.
    static let subprotocol = "rtbridge.events"
    private static let parameter = "rtbridge-events=1"

    static let reconnected = ByteBuffer(string: #"{"event":"reconnected"}"#)

    static func reconnecting(attempt: Int, delay: Duration) -> ByteBuffer {
        let milliseconds = Int(delay / .milliseconds(1))
        return ByteBuffer(string: #"{"event":"reconnecting","attempt":\#(attempt),"delayMs":\#(milliseconds)}"#)
    }

    static func subprotocols(of route: WorkerRoute) -> [String] {
        route.config.reconnect?.policy.mode == .notify ? [subprotocol] : []
    }

    /// Whether the request offers the subprotocol of events on a route that has them.
    static func areOffered(_ request: FrontRequest) -> Bool {
        !subprotocols(of: request.route).isEmpty
            && FieldTokens.elements(request.head.fields, "sec-websocket-protocol").contains(subprotocol)
    }

    /// The request's fields as a back-end may see them: the subprotocol of events is the bridge's own.
    static func withoutOffer(_ request: FrontRequest) -> FieldBlock {
        guard request.route.config.backend.protocol == .websocket, areOffered(request) else {
            return request.head.fields
        }
        var fields = FieldBlock()
        for (name, value) in request.head.fields.pairs where name != "sec-websocket-protocol" {
            fields.append(name, value)
        }
        let offers = FieldTokens.elements(request.head.fields, "sec-websocket-protocol").filter { $0 != subprotocol }
        if !offers.isEmpty { fields.append("sec-websocket-protocol", offers.joined(separator: ", ").utf8) }
        return fields
    }

    /// Whether the route has events, and the request asks for them: in its query, or among its subprotocols.
    static func areWanted(_ request: FrontRequest) -> Bool {
        guard !subprotocols(of: request.route).isEmpty else { return false }
        let isInQuery = request.head.query?.split(separator: UInt8(ascii: "&")).contains {
            $0.elementsEqual(parameter.utf8)
        }
        return isInQuery == true || areOffered(request)
    }
}
