// rtbridge: where compressed messages can go through as they are.
// SPDX-License-Identifier: Apache-2.0

enum CompressionFit {
    static func check(_ route: Route, _ o: ObjectReader) {
        guard route.websocket.compression == .passthrough else { return }
        let place = o.value.path.key("websocket").key("compression")
        if route.backend.protocol != .websocket {
            o.refuse(
                at: place,
                "\"passthrough\" is for websocket back-ends; this one speaks \(route.backend.protocol.rawValue)",
                hint: "Write \"on\": the bridge compresses for the client by itself.")
        } else if let mode = route.reconnect?.policy.mode, mode != .close {
            // RFC 7692 §7.1.1: with context takeover a message is read with the help of those before it.
            o.refuse(
                at: place, "\"passthrough\" with reconnect.mode \(quoted(mode.rawValue))",
                hint: "A new session knows nothing of what was compressed before; write \"on\".")
        }
    }
}
