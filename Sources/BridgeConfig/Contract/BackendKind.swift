// rtbridge: reading back-ends.
// SPDX-License-Identifier: Apache-2.0

import BridgePolicy

extension Kind where Value == Backend {
    /// An entry of `backends`, or one inline, which has no name of its own.
    static func backend(named name: String?) -> Kind {
        let synonyms = [
            "address": "endpoints", "addresses": "endpoints", "url": "endpoints", "hosts": "endpoints",
            "servers": "endpoints", "type": "protocol",
        ]
        return .object(synonyms: synonyms) { o in
            let kind = o.required(
                "protocol", as: Kind<BackendProtocol>.word(),
                hint: #"Write "grpc", "tcp", "udp", "websocket" or "http"."#)
            let endpoints = o.required(
                "endpoints", as: .distinct(.endpoint, atLeast: 1),
                hint: #"Write for example "endpoints": ["10.0.0.11:50051"]."#)
            var backend = Backend(name: "", protocol: kind ?? .grpc, endpoints: endpoints ?? [])
            backend.tls = o.optional("tls", as: .backendTLS)
            if kind == .udp, backend.tls != nil {
                o.refuse("tls", "udp back-ends have no TLS", hint: "Leave the key out.")
            }
            if kind == .udp, backend.endpoints.contains(where: \.isUnix) {
                o.refuse("endpoints", "udp has no Unix sockets", hint: "Write a host and a port.")
            }
            if let tls = backend.tls, tls.verify, tls.serverName == nil, backend.endpoints.contains(where: \.isUnix) {
                o.refuse(
                    at: o.value.path.key("tls").key("serverName"), "is missing: a Unix socket has no name to verify",
                    hint: "Write the name that the certificate must have.")
            }
            backend.name = name ?? backend.url

            let timeouts = Kind.backendTimeouts(backend)
            o.read("timeouts", into: &backend, as: timeouts)
            o.read("backoff", into: &backend.backoff, as: .backoff(backend.backoff))
            readBalancing(o, &backend)
            o.read("dnsRefresh", into: &backend.dnsRefresh, as: .timer(in: DurationText.anyTimer))
            o.read("keepalive", into: &backend.keepalive, as: .keepalive)
            backend.healthCheck = o.optional("healthCheck", as: .healthCheck)
            backend.outlierDetection = o.optional("outlierDetection", as: .outlierDetection)
            backend.circuitBreaker = o.optional("circuitBreaker", as: .circuitBreaker)
            if kind != .grpc, backend.healthCheck?.type == .grpc {
                o.refuse(
                    at: o.value.path.key("healthCheck").key("type"), "only grpc back-ends are asked by gRPC",
                    hint: #"Write "tcp" or "http"."#)
            }
            backend.proxyProtocol = o.optional("proxyProtocol", as: .word())
            if let kind, kind == .grpc || kind == .udp, backend.proxyProtocol != nil {
                o.refuse(
                    "proxyProtocol", "\(kind.rawValue) back-ends take no PROXY header",
                    hint: kind == .udp ? "UDP has no connections." : "Requests of many clients share a connection.")
            }
            return kind == nil || endpoints == nil ? nil : backend
        }
    }

    private static func readBalancing(_ o: ObjectReader, _ backend: inout Backend) {
        o.read("loadBalancing", into: &backend.loadBalancing, as: .word())
        backend.hashOn = o.optional("hashOn", as: .parsed(HashText.parse))
        switch backend.loadBalancing {
        case .hash where !o.has("hashOn"):
            o.refuse(
                "loadBalancing", "\"hash\" needs hashOn",
                hint: #"Write for example "hashOn": "header:x-user", "cookie:session" or "clientIP"."#)
        case .roundRobin, .leastRequest, .random:
            if o.has("hashOn") {
                o.refuse("hashOn", "has no effect without hash", hint: #"Write "loadBalancing": "hash" as well."#)
            }
        case .hash: break
        }
    }

    /// What a route says of its back-end: a URL, the name of an entry in `backends`, or such an entry.
    static func reference(_ names: Names) -> Kind {
        let inline = Kind.backend(named: nil)
        return Kind(read: { value in
            switch value.node.value {
            case .object: return inline.read(value)
            case .string: return value.text().flatMap { named($0, names, value) }
            case .null, .bool, .number, .array, .invalid:
                value.refuseType(
                    expected: "a back-end", hint: #"Write a URL ("grpc://127.0.0.1:50051") or a name in "backends"."#)
                return nil
            }
        })
    }

    private static func named(_ text: Text, _ names: Names, _ value: ValueReader) -> Backend? {
        if let entry = names.backends[text.value] { return entry }
        do throws(Fault) {
            if BackendURL.isMeant(text.value) { return try BackendURL.parse(text.value) }
            if (try? AddressText.endpoint(text.value)) != nil {
                throw Fault(
                    "has no scheme", hint: "Write grpc://, tcp://, udp://, ws:// or http:// before it.",
                    correction: quoted("grpc://" + text.value) + ", or tcp://, udp://, ws:// or http://")
            }
        } catch {
            value.refuse(text, error)
            return nil
        }
        return Kind<String>.name(of: "back-end", in: names.backends.keys.sorted()).read(value).flatMap { _ in nil }
    }
}

extension Kind where Value == Backend {
    /// The object `timeouts` of a back-end.
    static func backendTimeouts(_ backend: Backend) -> Kind {
        .object { o in
            var backend = backend
            o.read("connect", into: &backend.connectTimeout, as: .duration(in: DurationText.anyTimer))
            o.read("handshake", into: &backend.handshakeTimeout, as: .duration(in: DurationText.anyTimer))
            o.read("idle", into: &backend.idleTimeout, as: .timer(in: DurationText.anyTimer))
            return backend
        }
    }
}

// MARK: - Backoff

extension Kind where Value == BackoffParameters {
    static func backoff(_ defaults: BackoffParameters) -> Kind {
        .object { o in
            var backoff = defaults
            o.read("initial", into: &backoff.initial, as: .duration(in: DurationText.anyTimer))
            o.read("multiplier", into: &backoff.multiplier, as: .number(in: 1...1000, example: "1.6"))
            o.read("max", into: &backoff.max, as: .duration(in: DurationText.anyTimer))
            o.read("jitter", into: &backoff.jitter, as: .jitter)
            if backoff.max < backoff.initial {
                o.refuse(
                    o.has("max") ? "max" : "initial", "max is shorter than initial",
                    hint: "initial is \(DurationText.write(backoff.initial)), max \(DurationText.write(backoff.max)).")
            }
            return backoff
        }
    }
}

extension Kind where Value == Double {
    static func number(in range: ClosedRange<Double>, example: String) -> Kind {
        .init(
            read: { value in
                guard case .number(let text) = value.node.value, let number = Double(text) else {
                    value.refuseType(expected: "a number", hint: "Write for example \(example).")
                    return nil
                }
                if range.contains(number) { return number }
                value.refuse("\(text.prefix(40)) is outside \(range.lowerBound)...\(range.upperBound)")
                return nil
            },
            show: { "\($0)" })
    }
}

extension Kind where Value == Jitter {
    static var jitter: Kind {
        let words: KeyValuePairs<String, Jitter> = ["full": .full, "equal": .equal, "decorrelated": .decorrelated]
        let word = Kind<String>.word(words.map(\.key), others: ["a fraction such as 0.2"])
        return .init(
            read: { value in
                switch value.node.value {
                case .string:
                    return word.read(value).flatMap { text in words.first { $0.key == text }?.value }
                case .number(let text):
                    if let fraction = Double(text), 0...1 ~= fraction { return .fraction(fraction) }
                    value.refuse(
                        "\(text.prefix(40)) is outside 0.0...1.0",
                        hint: "Write a fraction of the delay, for example 0.2 for ±20 %.")
                    return nil
                case .null, .bool, .array, .object, .invalid:
                    value.refuseType(
                        expected: "a fraction or a word", hint: #"Write 0.2, "full", "equal" or "decorrelated"."#)
                    return nil
                }
            },
            show: { jitter in
                if case .fraction(let fraction) = jitter { return "\(fraction)" }
                return quoted(words.first { $0.value == jitter }?.key ?? "")
            },
            words: word.words)
    }
}
