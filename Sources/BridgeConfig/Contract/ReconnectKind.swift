// rtbridge: reading what a route says of the loss of its back-end.
// SPDX-License-Identifier: Apache-2.0

import BridgePolicy

extension Kind where Value == ReconnectOptions {
    static var reconnect: Kind {
        .object(synonyms: ["buffer": "bufferBytes", "attempts": "maxAttempts", "timeout": "maxHold", "hold": "maxHold"])
        {
            o in
            var options = ReconnectOptions()
            o.read("mode", into: &options.policy.mode, as: .word())
            o.read("backoff", into: &options.policy.backoff, as: .backoff(options.policy.backoff))
            o.read("maxAttempts", into: &options.policy.maxAttempts, as: .count(in: 0...1_000_000))
            o.read("maxHold", into: &options.policy.maxHold, as: .duration(in: DurationText.anyTimer))
            o.read("bufferBytes", into: &options.bufferBytes, as: .size(in: 1...(1 << 30)))
            o.read("overflow", into: &options.overflow, as: .word())
            options.preamble = o.optional("preamble", as: .preamble)
            o.read(
                "resetAfter", into: &options.policy.resetAfter,
                as: .duration(in: .zero...DurationText.anyTimer.upperBound))
            return options
        }
    }
}

extension Kind where Value == String {
    /// Longer ones are no greeting.
    static let longestPreamble = 64 * 1024

    /// Bytes for a back-end, as text; line breaks and other control characters are meant.
    static var preamble: Kind {
        .init(read: { value in
            guard let text = value.text(takesControls: true) else { return nil }
            if text.value.isEmpty {
                value.refuse("is empty", hint: "Leave the key out to have nothing sent.")
                return nil
            }
            guard text.value.utf8.count <= longestPreamble else {
                value.refuse("is longer than \(SizeText.write(longestPreamble))")
                return nil
            }
            return text.value
        })
    }
}

/// Which routes can reconnect.
enum ReconnectFit {
    static func check(_ route: Route, _ o: ObjectReader) {
        guard let options = route.reconnect else { return }
        switch route.backend.protocol {
        case .tcp, .websocket: break
        case .udp:
            if let preamble = options.preamble, preamble.utf8.count > route.udp.maxDatagramBytes {
                o.refuse(
                    at: o.value.path.key("reconnect").key("preamble"), "is longer than a datagram may be",
                    hint: "udp.maxDatagramBytes is \(route.udp.maxDatagramBytes).")
            }
        case .grpc, .http:
            o.refuse(
                "reconnect",
                "is for tcp, udp and websocket back-ends; this one speaks \(route.backend.protocol.rawValue)",
                hint:
                    "Leave the key out: gRPC connections are dialled anew for the next call, by the back-end's backoff."
            )
        }
    }
}
