// rtbridge: reading the options of a route.
// SPDX-License-Identifier: Apache-2.0

extension Kind where Value == GRPCWebOptions {
    static var grpcWeb: Kind {
        .object { o in
            var options = GRPCWebOptions()
            o.read("text", into: &options.text, as: .flag)
            o.read("websockets", into: &options.websockets, as: .flag)
            // Without WebSockets there is nothing to share.
            options.multiplex = options.websockets
            o.read("multiplex", into: &options.multiplex, as: .flag)
            o.read(
                "forwardUpgradeHeaders", into: &options.forwardUpgradeHeaders,
                as: .distinct(.text(MatchText.fieldName)))
            if options.multiplex, !options.websockets {
                o.refuse(
                    "multiplex", "calls that share a WebSocket, without WebSockets", hint: "Write \"websockets\": true."
                )
            }
            return options
        }
    }
}

extension Kind where Value == CORSOptions {
    static var cors: Kind {
        .object(synonyms: ["origins": "allowOrigins", "headers": "allowHeaders", "credentials": "allowCredentials"]) {
            o in
            let origins = o.required(
                "allowOrigins", as: .origins, hint: #"Write for example ["https://app.example.com"]."#)
            var cors = CORSOptions(allowOrigins: origins ?? [])
            o.read("allowHeaders", into: &cors.allowHeaders, as: .corsHeaders)
            o.read("allowCredentials", into: &cors.allowCredentials, as: .flag)
            o.read("maxAge", into: &cors.maxAge, as: .duration(in: .zero...DurationText.anyTimer.upperBound))
            // Fetch, "CORS protocol and credentials": Access-Control-Allow-Origin cannot be `*` then.
            if cors.allowCredentials, cors.allowOrigins.contains("*") {
                o.refuse(
                    "allowCredentials", "credentials for every origin (\"*\"), which the Fetch standard forbids",
                    hint: "List the origins, or write false.")
            }
            return origins == nil ? nil : cors
        }
    }
}

extension Kind where Value == [String] {
    /// Origins, or `*` alone.
    static var origins: Kind {
        var list = Kind.distinct(.text(OriginText.parse), atLeast: 1)
        let read = list.read
        list.read = { value in
            guard let origins = read(value) else { return nil }
            if origins.count > 1, origins.contains("*") {
                value.refuse("\"*\" stands beside other origins", hint: "Write [\"*\"], or the origins without it.")
            }
            return origins
        }
        return list
    }
}

extension Kind where Value == CORSOptions.Headers {
    static var corsHeaders: Kind {
        let word = Kind<String>.word(["requested"], others: ["a list of names"])
        let name = Kind<String>.text { text throws(Fault) in
            if text == "*" {
                throw Fault("is no name of a header field", hint: "Write \"requested\" in place of the list.")
            }
            return try MatchText.fieldName(text)
        }
        let list = Kind<[String]>.distinct(name)
        return .init(
            read: { value in
                switch value.node.value {
                case .array: return list.read(value).map { .list($0) }
                case .string: return word.read(value).map { _ in .requested }
                case .null, .bool, .number, .object, .invalid:
                    value.refuseType(
                        expected: "\"requested\" or a list", hint: #"Write "requested", or for example ["x-tenant"]."#)
                    return nil
                }
            },
            show: { headers in
                switch headers {
                case .requested: "\"requested\""
                case .list(let names): "[" + names.map(quoted).joined(separator: ", ") + "]"
                }
            },
            words: word.words)
    }
}

extension Kind where Value == RouteTimeouts {
    static var routeTimeouts: Kind {
        .object { o in
            var timeouts = RouteTimeouts()
            o.read("deadline", into: &timeouts.deadline, as: .timer(in: DurationText.anyTimer))
            o.read("maxDeadline", into: &timeouts.maxDeadline, as: .timer(in: DurationText.anyTimer))
            o.read("idle", into: &timeouts.idle, as: .timer(in: DurationText.anyTimer))
            if let deadline = timeouts.deadline, let most = timeouts.maxDeadline, most < deadline {
                o.refuse(
                    "deadline", "deadline is longer than maxDeadline",
                    hint: "deadline is \(DurationText.write(deadline)), maxDeadline \(DurationText.write(most)).")
            }
            return timeouts
        }
    }
}

extension Kind where Value == Int {
    /// A limit of one message; lengths must fit the 32 bits of gRPC and of buffers.
    static var messageBytes: Kind { .size(in: 1...(1 << 30)) }
}

extension Kind where Value == ErrorDetail {
    /// The object `errors`, which has one key.
    static var errorDetail: Kind {
        .object { o in
            var detail = ErrorDetail.full
            o.read("detail", into: &detail, as: .word())
            return detail
        }
    }
}

extension Kind where Value == WebSocketOptions {
    static var webSocket: Kind {
        .object { o in
            var options = WebSocketOptions()
            o.read("subprotocols", into: &options.subprotocols, as: .distinct(.text(MatchText.subprotocol)))
            options.allowOrigins = o.optional("allowOrigins", as: .origins)
            o.read("pingInterval", into: &options.pingInterval, as: .timer(in: DurationText.anyTimer))
            o.read("pongTimeout", into: &options.pongTimeout, as: .timer(in: DurationText.anyTimer))
            o.read("maxMessageBytes", into: &options.maxMessageBytes, as: .messageBytes)
            o.read("compression", into: &options.compression, as: .word())
            return options
        }
    }
}

extension Kind where Value == TCPOptions {
    static var tcp: Kind {
        .object { o in
            var options = TCPOptions()
            var framing = "stream"
            o.read("framing", into: &framing, as: .word(["stream"], later: ["line", "length32", "text"]))
            o.read("halfClose", into: &options.halfClose, as: .flag)
            o.read("nodelay", into: &options.nodelay, as: .flag)
            return options
        }
    }
}

extension Kind where Value == UDPOptions {
    static var udp: Kind {
        .object { o in
            var options = UDPOptions()
            o.read("idle", into: &options.idle, as: .timer(in: DurationText.anyTimer))
            // RFC 768 and RFC 791 §3.1: 65535 less 20 octets of IP and 8 of UDP.
            o.read("maxDatagramBytes", into: &options.maxDatagramBytes, as: .size(in: 1...65507))
            o.read("maxSessions", into: &options.maxSessions, as: .count(in: 1...1_000_000))
            o.read("maxSessionsPerClient", into: &options.maxSessionsPerClient, as: .count(in: 1...1_000_000))
            o.read("queueDatagrams", into: &options.queueDatagrams, as: .count(in: 1...1_000_000))
            o.read("overflow", into: &options.overflow, as: .word())
            return options
        }
    }
}

extension Kind where Value == HTTPOptions {
    static var http: Kind {
        .object { o in
            var options = HTTPOptions()
            o.read("forwarded", into: &options.forwarded, as: .word())
            o.read("host", into: &options.host, as: .word())
            return options
        }
    }
}

extension Kind where Value == SSEOptions {
    static var sse: Kind {
        .object { o in
            var options = SSEOptions()
            o.read("data", into: &options.data, as: .word())
            o.read("keepAlive", into: &options.keepAlive, as: .timer(in: DurationText.anyTimer))
            o.read("retry", into: &options.retry, as: .duration(in: DurationText.anyTimer))
            o.read("resume", into: &options.resume, as: .duration(in: DurationText.anyTimer))
            o.read("replayBytes", into: &options.replayBytes, as: .size(in: 1024...(64 << 20)))
            o.read("maxMessageBytes", into: &options.maxMessageBytes, as: .size(in: 1...(64 << 20)))
            o.read("maxSessions", into: &options.maxSessions, as: .count(in: 1...1_000_000))
            return options
        }
    }
}
