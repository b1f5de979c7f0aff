// rtbridge: which subprotocols fit which framing.
// SPDX-License-Identifier: Apache-2.0

enum FramingFit {
    /// The subprotocol with which a client asks for base64 (noVNC's old one).
    private static let base64 = "base64"

    static func check(_ route: Route, _ o: ObjectReader) {
        if route.match.protocols.contains(.tcp), route.tcp.framing != .stream {
            o.refuse(
                at: o.value.path.key("tcp").key("framing"), "a byte stream has no messages to frame",
                hint: "Leave the key out.")
        }
        guard let index = route.websocket.subprotocols.firstIndex(of: base64) else { return }
        let place = o.value.path.key("websocket").key("subprotocols").index(index)
        switch route.backend.protocol {
        case .udp:
            o.refuse(
                at: place, "\"base64\" is a byte stream, which udp has not", hint: "Datagrams are binary messages.")
        case .tcp where route.tcp.framing != .stream:
            o.refuse(
                at: place, "\"base64\" beside tcp.framing \(quoted(route.tcp.framing.rawValue))",
                hint: "Keep one of the two.")
        case .tcp, .grpc, .websocket, .http: break
        }
    }
}
