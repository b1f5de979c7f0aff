// rtbridge: a document as the file that says it, for tests.
// SPDX-License-Identifier: Apache-2.0

import BridgePolicy

@testable import BridgeConfig

/// Writes every key, so that a reader which takes one for another is found out.
enum DocumentPrinter {
    static func print(_ document: Document) -> String {
        var root: [String: String] = [
            "version": "1",
            "listeners": object(
                Dictionary(uniqueKeysWithValues: document.listeners.map { ($0.name, print($0)) }),
                document.listeners.map(\.name)),
            "backends": object(
                Dictionary(uniqueKeysWithValues: document.backends.map { ($0.name, print($0)) }),
                document.backends.map(\.name)),
            "health": object([
                "paths": object(["live": quoted(document.health.livePath), "ready": quoted(document.health.readyPath)]),
                "onListeners": list(document.health.onListeners.map(quoted)),
                "requireBackends": list(document.health.requireBackends.map(quoted)),
            ]),
            "routes": list(document.routes.map(print)),
            "shutdown": object(["drain": print(document.shutdown.drain)]),
            "logging": object([
                "format": quoted(document.logging.format.rawValue), "level": quoted(document.logging.level.rawValue),
                "access": "\(document.logging.access)", "redact": list(document.logging.redact.map(quoted)),
            ]),
            "workers": "\(document.workers)",
        ]
        if let admin = document.admin { root["admin"] = object(["address": quoted("\(admin.address)")]) }
        return object(root)
    }

    private static func print(_ listener: Listener) -> String {
        var keys = [
            "address": quoted("\(listener.address)"),
            "protocols": list(listener.protocols.map { quoted($0.rawValue) }),
            "limits": object([
                "maxConnections": "\(listener.limits.maxConnections)",
                "maxHeaderBytes": "\(listener.limits.maxHeaderBytes)",
                "headerTimeout": timer(listener.limits.headerTimeout),
                "idleTimeout": timer(listener.limits.idleTimeout),
                "maxConcurrentStreams": "\(listener.limits.maxConcurrentStreams)",
            ]),
        ]
        let proxies = listener.proxyProtocol
        keys["proxyProtocol"] = object([
            "accept": "\(proxies.accept)",
            "trustedProxies": list(proxies.trustedProxies.map { quoted($0.description) }),
        ])
        if listener.address.isUnix { keys["socketMode"] = Kind<UInt32>.fileMode.show?(listener.socketMode) }
        if let tls = listener.tls {
            var tlsKeys = [
                "development": "\(tls.development)", "minVersion": quoted(tls.minVersion.rawValue),
                "cipherSuites": tls.cipherSuites.map { list($0.map(quoted)) } ?? "null",
                "groups": tls.groups.map { list($0.map(quoted)) } ?? "null", "sessionTickets": "\(tls.sessionTickets)",
            ]
            if let certificate = tls.certificate {
                tlsKeys["certificates"] = list([
                    object(["certFile": quoted(certificate.certFile), "keyFile": quoted(certificate.keyFile)])
                ])
            }
            keys["tls"] = object(tlsKeys)
        }
        return object(keys)
    }

    private static func print(_ backend: Backend) -> String {
        var keys = [
            "protocol": quoted(backend.protocol.rawValue), "endpoints": list(backend.endpoints.map { quoted("\($0)") }),
            "timeouts": object([
                "connect": print(backend.connectTimeout), "handshake": print(backend.handshakeTimeout),
                "idle": timer(backend.idleTimeout),
            ]),
            "loadBalancing": quoted(backend.loadBalancing.rawValue), "dnsRefresh": timer(backend.dnsRefresh),
            "hashOn": optional(backend.hashOn.map(HashText.write)),
            "keepalive": object([
                "interval": timer(backend.keepalive.interval), "timeout": print(backend.keepalive.timeout),
            ]),
            "backoff": print(backend.backoff),
        ]
        keys["tls"] = backend.tls.map { tls in
            object([
                "serverName": optional(tls.serverName), "caFile": optional(tls.caFile),
                "certFile": optional(tls.certificate?.certFile), "keyFile": optional(tls.certificate?.keyFile),
                "verify": "\(tls.verify)",
            ])
        }
        keys["proxyProtocol"] = optional(backend.proxyProtocol?.rawValue)
        keys["healthCheck"] = backend.healthCheck.map(print)
        keys["outlierDetection"] = backend.outlierDetection.map { outlier in
            object([
                "consecutiveFailures": "\(outlier.consecutiveFailures)", "interval": print(outlier.interval),
                "baseEjectionTime": print(outlier.baseEjectionTime), "maxEjectionTime": print(outlier.maxEjectionTime),
                "maxEjectionPercent": "\(outlier.maxEjectionPercent)",
            ])
        }
        keys["circuitBreaker"] = backend.circuitBreaker.map { limits in
            object([
                "maxConnections": "\(limits.maxConnections)", "maxPendingRequests": "\(limits.maxPendingRequests)",
                "maxRequests": "\(limits.maxRequests)",
            ])
        }
        return object(keys)
    }

    private static func print(_ check: HealthCheck) -> String {
        var keys = [
            "type": quoted(check.type.rawValue), "interval": print(check.interval), "timeout": print(check.timeout),
            "healthyThreshold": "\(check.healthyThreshold)", "unhealthyThreshold": "\(check.unhealthyThreshold)",
        ]
        if check.type == .grpc { keys["service"] = quoted(check.service) }
        if check.type == .http {
            keys["path"] = quoted(check.path)
            keys["expectStatus"] = quoted(StatusRangeText.write(check.expectStatus))
        }
        return object(keys)
    }

    private static func print(_ retry: RetryParameters) -> String {
        object([
            "maxAttempts": "\(retry.maxAttempts)", "initialBackoff": print(retry.initialBackoff),
            "maxBackoff": print(retry.maxBackoff), "backoffMultiplier": "\(retry.backoffMultiplier)",
            "jitter": print(retry.jitter), "perAttemptTimeout": timer(retry.perAttemptTimeout),
            "budgetPercent": "\(retry.budgetPercent)",
            "retryableStatusCodes": list(
                retry.retryableStatusCodes.map { Kind<UInt8>.grpcStatus.show?($0) ?? "" }),
        ])
    }

    private static func print(_ backoff: BackoffParameters) -> String {
        object([
            "initial": print(backoff.initial), "multiplier": "\(backoff.multiplier)", "max": print(backoff.max),
            "jitter": print(backoff.jitter),
        ])
    }

    private static func print(_ options: ReconnectOptions) -> String {
        object([
            "mode": quoted(options.policy.mode.rawValue), "backoff": print(options.policy.backoff),
            "maxAttempts": "\(options.policy.maxAttempts)", "maxHold": print(options.policy.maxHold),
            "bufferBytes": SizeText.json(options.bufferBytes), "overflow": quoted(options.overflow.rawValue),
            "preamble": optional(options.preamble), "resetAfter": print(options.policy.resetAfter),
        ])
    }

    private static func print(_ jitter: Jitter) -> String {
        switch jitter {
        case .fraction(let fraction): "\(fraction)"
        case .full: "\"full\""
        case .equal: "\"equal\""
        case .decorrelated: "\"decorrelated\""
        }
    }

    private static func print(_ route: Route) -> String {
        var keys = [
            "name": quoted(route.name), "match": print(route.match),
            // A back-end without a name of its own has its URL for a name, and is written inline.
            "backend": route.backend.name.contains("://") ? print(route.backend) : quoted(route.backend.name),
            "grpcWeb": object([
                "text": "\(route.grpcWeb.text)", "websockets": "\(route.grpcWeb.websockets)",
                "multiplex": "\(route.grpcWeb.multiplex)",
                "forwardUpgradeHeaders": list(route.grpcWeb.forwardUpgradeHeaders.map(quoted)),
            ]),
            "timeouts": object([
                "deadline": timer(route.timeouts.deadline), "maxDeadline": timer(route.timeouts.maxDeadline),
                "idle": timer(route.timeouts.idle),
            ]),
            "maxMessageBytes": SizeText.json(route.maxMessageBytes),
            "errors": object(["detail": quoted(route.errorDetail.rawValue)]),
            "websocket": object([
                "subprotocols": list(route.websocket.subprotocols.map(quoted)),
                "allowOrigins": route.websocket.allowOrigins.map { list($0.map(quoted)) } ?? "null",
                "pingInterval": timer(route.websocket.pingInterval), "pongTimeout": timer(route.websocket.pongTimeout),
                "maxMessageBytes": SizeText.json(route.websocket.maxMessageBytes),
                "compression": quoted(route.websocket.compression.rawValue),
            ]),
            "tcp": object(["halfClose": "\(route.tcp.halfClose)", "nodelay": "\(route.tcp.nodelay)"]),
            "udp": object([
                "idle": timer(route.udp.idle), "maxDatagramBytes": SizeText.json(route.udp.maxDatagramBytes),
                "maxSessions": "\(route.udp.maxSessions)", "maxSessionsPerClient": "\(route.udp.maxSessionsPerClient)",
                "queueDatagrams": "\(route.udp.queueDatagrams)", "overflow": quoted(route.udp.overflow.rawValue),
            ]),
            "sse": object([
                "data": quoted(route.sse.data.rawValue), "keepAlive": timer(route.sse.keepAlive),
                "retry": print(route.sse.retry), "resume": print(route.sse.resume),
                "replayBytes": SizeText.json(route.sse.replayBytes),
                "maxMessageBytes": SizeText.json(route.sse.maxMessageBytes), "maxSessions": "\(route.sse.maxSessions)",
            ]),
            "http": object([
                "forwarded": quoted(route.http.forwarded.rawValue), "host": quoted(route.http.host.rawValue),
            ]),
        ]
        if let reconnect = route.reconnect { keys["reconnect"] = print(reconnect) }
        if let cors = route.cors {
            let headers =
                switch cors.allowHeaders {
                case .requested: "\"requested\""
                case .list(let names): list(names.map(quoted))
                }
            keys["cors"] = object([
                "allowOrigins": list(cors.allowOrigins.map(quoted)), "allowHeaders": headers,
                "allowCredentials": "\(cors.allowCredentials)", "maxAge": print(cors.maxAge),
            ])
        }
        keys["retryPolicy"] = route.retryPolicy.map(print)
        return object(keys)
    }

    private static func print(_ match: Match) -> String {
        let host: String? =
            switch match.host {
            case .exact(let name): name
            case .suffix(let suffix): "*" + suffix
            case nil: nil
            }
        return object([
            "listener": optional(match.listener), "host": optional(host), "path": optional(match.path),
            "protocol": list(match.protocols.map { quoted($0.rawValue) }), "pathPrefix": optional(match.pathPrefix),
            "service": optional(match.service), "method": optional(match.method),
            "headers": object(
                Dictionary(uniqueKeysWithValues: match.headers.map { ($0.name, quoted($0.value)) }),
                match.headers.map(\.name)),
        ])
    }

    // MARK: - JSON

    private static func object(_ members: [String: String], _ order: [String]? = nil) -> String {
        "{" + (order ?? members.keys.sorted()).map { "\(quoted($0)): \(members[$0] ?? "")" }.joined(separator: ", ")
            + "}"
    }
    private static func list(_ elements: [String]) -> String { "[" + elements.joined(separator: ", ") + "]" }
    private static func optional(_ text: String?) -> String { text.map(quoted) ?? "null" }
    private static func print(_ duration: Duration) -> String { quoted(DurationText.write(duration)) }
    private static func timer(_ duration: Duration?) -> String { duration.map(print) ?? "\"off\"" }
}
