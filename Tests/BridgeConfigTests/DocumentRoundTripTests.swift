// rtbridge: random documents, written and read back.
// SPDX-License-Identifier: Apache-2.0

import BridgePolicy
import Testing

@testable import BridgeConfig

struct DocumentRoundTripTests {
    @Test func randomDocumentsAreWrittenAndReadBack() throws {
        for seed in 0..<150 as Range<UInt64> {
            var source = RandomDocument(seed: seed)
            let document = source.document()
            let text = DocumentPrinter.print(document)
            do throws(ConfigProblems) {
                let read = try ConfigLoader.load(text: text, file: "f", directory: "/", environment: [:]).document
                #expect(read == document, "seed \(seed): \(text)")
            } catch {
                Issue.record("seed \(seed): \(error)\n\(text)")
            }
        }
    }
}

private struct RandomDocument {
    private var random: SeededRandom

    init(seed: UInt64) { random = SeededRandom(seed: seed) }

    mutating func document() -> Document {
        var document = Document()
        document.listeners = (0...number(2)).map { listener($0) }
        document.backends = (0..<number(3)).map { index in
            // A name like these can be taken for nothing else.
            backend("back end \(index)", BackendProtocol.allCases.filter { $0 != .http }[number(3)])
        }
        if flag() { document.admin = Admin(address: .host("admin", port: 1 + number(65534))) }
        document.health.livePath = "/live\(number(9))"
        document.health.readyPath = "/ready\(number(9))"
        document.health.onListeners = document.listeners.map(\.name).filter { _ in flag() }
        document.health.requireBackends = document.backends.map(\.name).filter { _ in flag() }
        document.routes = (0...number(3)).map { route($0, document) }
        document.shutdown.drain = duration() ?? .zero
        document.logging.format = one(of: LoggingOptions.Format.allCases)
        document.logging.level = one(of: LoggingOptions.Level.allCases)
        document.logging.access = flag()
        document.logging.redact = some(of: ["authorization", "cookie", "x-key"])
        document.workers = number(1024)
        return document
    }

    private mutating func listener(_ index: Int) -> Listener {
        let host = one(of: ["0.0.0.0", "::", "fe80::1%eth0", "localhost", "a-b.c_d"])
        var listener = Listener(name: "listener \(index)", address: .host(host, port: index * 1000 + number(999)))
        if flag() {
            listener.address = .unix("/run/l\(index)")
            listener.socketMode = UInt32(number(0o777))
        }
        if flag(), let range = try? AddressRange.parse(one(of: ["10.0.0.0/8", "2001:db8::/32", "192.0.2.1"])) {
            listener.proxyProtocol.accept = true
            listener.proxyProtocol.trustedProxies = [range]
        }
        listener.protocols = one(of: [[.http2], [.http1], [.http1, .http2], [.http2, .http1]])
        listener.limits.maxConnections = 1 + number(1_000_000)
        listener.limits.maxHeaderBytes = 1024 + number(100_000)
        listener.limits.headerTimeout = duration()
        listener.limits.idleTimeout = duration()
        listener.limits.maxConcurrentStreams = 1 + number(999_999)
        guard flag() else { return listener }
        var tls = ListenerTLS()
        tls.development = flag()
        tls.minVersion = one(of: ListenerTLS.Version.allCases)
        tls.cipherSuites = flag() ? ["TLS_AES_128_GCM_SHA256", "ECDHE-RSA-AES128-GCM-SHA256"] : nil
        tls.groups = flag() ? ["X25519", "P-256"] : nil
        tls.sessionTickets = flag()
        if !tls.development { tls.certificate = .init(certFile: "/dev/null", keyFile: "/dev/zero") }
        listener.tls = tls
        return listener
    }

    private mutating func backend(_ name: String?, _ kind: BackendProtocol) -> Backend {
        let hosts = ["10.0.0.1", "::1", "greeter.internal"].prefix(1 + number(2))
        var endpoints = hosts.map { Address.host($0, port: 1 + number(65534)) }
        if kind != .udp, flag() { endpoints.append(.unix("/run/x y.sock")) }
        var backend = Backend(name: "", protocol: kind, endpoints: endpoints)
        if kind != .udp, flag() {
            var tls = BackendTLS()
            tls.serverName = one(of: [endpoints.contains(where: \.isUnix) ? "a" : nil, "greeter.internal", "::1"])
            tls.verify = flag()
            tls.caFile = tls.verify ? one(of: [nil, "/dev/null"]) : nil
            tls.certificate = flag() ? .init(certFile: "/dev/null", keyFile: "/dev/zero") : nil
            backend.tls = tls
        }
        if kind != .grpc, kind != .udp, flag() { backend.proxyProtocol = one(of: [.v1, .v2]) }
        backend.name = name ?? backend.url
        backend.connectTimeout = duration() ?? .seconds(1)
        backend.handshakeTimeout = duration() ?? .seconds(1)
        backend.backoff = backoff()
        backend.loadBalancing = self.one(of: LoadBalancing.allCases)
        if backend.loadBalancing == .hash {
            backend.hashOn = self.one(of: [.clientIP, .header("x-user"), .cookie("Session")])
        }
        backend.dnsRefresh = duration()
        backend.idleTimeout = duration()
        backend.keepalive.interval = flag() ? .seconds(10 + number(1000)) : nil
        backend.keepalive.timeout = duration() ?? .seconds(1)
        if flag() { backend.healthCheck = healthCheck(kind) }
        if flag() { backend.outlierDetection = outlierDetection() }
        if flag() {
            backend.circuitBreaker = BreakerLimits()
            backend.circuitBreaker?.maxConnections = 1 + number(9_999_999)
            backend.circuitBreaker?.maxPendingRequests = 1 + number(9_999_999)
            backend.circuitBreaker?.maxRequests = 1 + number(9_999_999)
        }
        return backend
    }

    private mutating func healthCheck(_ kind: BackendProtocol) -> HealthCheck {
        var check = HealthCheck(type: one(of: kind == .grpc ? [.grpc, .http, .tcp] : [.http, .tcp]))
        if check.type == .grpc { check.service = "a.B\(number(9))" }
        if check.type == .http {
            check.path = "/health\(number(9))"
            check.expectStatus = one(of: [200...200, 200...204, 100...599])
        }
        check.interval = duration() ?? .seconds(1)
        check.timeout = duration() ?? .seconds(1)
        check.healthyThreshold = 1 + number(99)
        check.unhealthyThreshold = 1 + number(99)
        return check
    }

    private mutating func outlierDetection() -> OutlierParameters {
        var outlier = OutlierParameters()
        let (one, other) = (duration() ?? .seconds(2), duration() ?? .seconds(3))
        outlier.consecutiveFailures = 1 + number(999_999)
        outlier.interval = duration() ?? .seconds(1)
        outlier.baseEjectionTime = min(one, other)
        outlier.maxEjectionTime = max(one, other)
        outlier.maxEjectionPercent = number(100)
        return outlier
    }

    private mutating func retryPolicy() -> RetryParameters {
        var retry = RetryParameters()
        let (one, other) = (duration() ?? .seconds(2), duration() ?? .seconds(3))
        retry.maxAttempts = 2 + number(8)
        retry.initialBackoff = min(one, other)
        retry.maxBackoff = max(one, other)
        retry.backoffMultiplier = 1 + Double(number(50)) / 10
        retry.jitter = self.one(of: [.full, .equal, .decorrelated, .fraction(Double(number(100)) / 100)])
        retry.retryableStatusCodes = self.one(of: [[14], [1, 16], [14, 8, 4]])
        retry.perAttemptTimeout = duration()
        retry.budgetPercent = number(100)
        return retry
    }

    private mutating func backoff() -> BackoffParameters {
        let (one, other) = (duration() ?? .seconds(2), duration() ?? .seconds(3))
        return BackoffParameters(
            initial: min(one, other), multiplier: 1 + Double(number(50)) / 10, max: max(one, other),
            jitter: self.one(of: [.full, .equal, .decorrelated, .fraction(Double(number(100)) / 100)]))
    }

    private mutating func reconnect() -> ReconnectOptions {
        var options = ReconnectOptions()
        options.policy.mode = one(of: ReconnectMode.allCases)
        options.policy.backoff = backoff()
        options.policy.maxAttempts = number(1000)
        options.policy.maxHold = duration() ?? .seconds(3)
        options.policy.resetAfter = duration() ?? .zero
        options.bufferBytes = 1 + number(10_000_000)
        options.overflow = one(of: ReconnectOptions.Overflow.allCases)
        options.preamble = one(of: [nil, "hello", "a\n\"b\\ \u{e9}"])
        return options
    }

    private mutating func route(_ index: Int, _ document: Document) -> Route {
        let kind = one(of: BackendProtocol.allCases)
        let backend = document.backends.isEmpty || flag() ? backend(nil, kind) : one(of: document.backends)
        let isGRPC = backend.protocol == .grpc
        let fronts: [[FrontProtocolName]] =
            isGRPC
            ? [[.grpcWeb], [.grpc], [.grpc, .grpcWeb], [.grpcWeb, .grpc]]
            : backend.protocol == .http
                ? [[.http]]
                : backend.protocol == .websocket ? [[.websocket]] : [[.websocket], [.sse], [.websocket, .sse]]
        var match = Match(protocols: one(of: fronts))
        match.listener = flag() ? one(of: document.listeners.map(\.name)) : nil
        match.host = one(of: [nil, .exact("a.b"), .suffix(".b"), .exact("[::1]")])
        switch number(3) {
        case 0: match.path = "/path\(number(9))"
        case 1: match.pathPrefix = "/prefix\(number(9))/%2F"
        default: break
        }
        if isGRPC, flag() {
            match.service = "a.B\(number(9))"
            match.method = flag() ? "C" : nil
        }
        match.headers = some(of: ["x-b", "x-a"]).map { .init(name: $0, value: "v \(number(9))\"\\") }

        var route = Route(name: "route \(index)", match: match, backend: backend)
        route.grpcWeb.text = flag()
        route.grpcWeb.websockets = flag()
        route.grpcWeb.multiplex = route.grpcWeb.websockets && flag()
        route.grpcWeb.forwardUpgradeHeaders = flag() ? ["cookie", "authorization"] : ["x-tenant"]
        route.cors = flag() ? cors() : nil
        let (one, other) = (duration(), duration())
        (route.timeouts.deadline, route.timeouts.maxDeadline) =
            (one ?? .zero) < (other ?? .zero) ? (one, other) : (other, one)
        if let deadline = route.timeouts.deadline, let most = route.timeouts.maxDeadline, most < deadline {
            route.timeouts.maxDeadline = nil
        }
        route.timeouts.idle = duration()
        route.maxMessageBytes = 1 + number(10_000_000)
        route.errorDetail = self.one(of: ErrorDetail.allCases)
        route.websocket.subprotocols = some(of: ["binary", "mqtt"])
        route.websocket.allowOrigins = self.one(of: [nil, ["*"], ["https://a", "http://[::1]:1"]])
        route.websocket.pingInterval = duration()
        route.websocket.pongTimeout = duration()
        route.websocket.maxMessageBytes = 1 + number(10_000_000)
        route.tcp.framing = self.one(of: TCPOptions.Framing.allCases)
        route.tcp.halfClose = flag()
        route.tcp.nodelay = flag()
        route.retryPolicy = flag() ? retryPolicy() : nil
        route.udp.idle = duration()
        route.udp.maxDatagramBytes = 1 + number(65506)
        route.udp.maxSessions = 1 + number(999_999)
        route.udp.maxSessionsPerClient = 1 + number(999_999)
        route.udp.queueDatagrams = 1 + number(999_999)
        route.udp.overflow = self.one(of: UDPOptions.Overflow.allCases)
        route.sse.data = self.one(of: SSEOptions.Data.allCases)
        route.sse.keepAlive = duration()
        route.sse.retry = duration() ?? .seconds(1)
        route.sse.resume = duration() ?? .seconds(1)
        route.sse.replayBytes = 1024 + number(1_000_000)
        route.sse.maxMessageBytes = 1 + number(1_000_000)
        route.sse.maxSessions = 1 + number(999_999)
        route.http.forwarded = self.one(of: HTTPOptions.Forwarded.allCases)
        route.http.host = self.one(of: HTTPOptions.Host.allCases)
        if [.tcp, .udp, .websocket].contains(backend.protocol), flag() { route.reconnect = reconnect() }
        route.websocket.compression = self.one(of: [.off, .on])
        if backend.protocol == .websocket, route.reconnect?.policy.mode ?? .close == .close, flag() {
            route.websocket.compression = .passthrough
        }
        return route
    }

    private mutating func cors() -> CORSOptions {
        var cors = CORSOptions(
            allowOrigins: one(of: [["*"], ["https://a.b"], ["https://a:1", "capacitor://localhost"]]))
        cors.allowHeaders = one(of: [.requested, .list([]), .list(["x-a", "x-b"])])
        cors.allowCredentials = cors.allowOrigins != ["*"] && flag()
        cors.maxAge = duration() ?? .zero
        return cors
    }

    // MARK: - Dice

    private mutating func number(_ most: Int) -> Int { Int.random(in: 0...most, using: &random) }
    private mutating func flag() -> Bool { Bool.random(using: &random) }
    private mutating func one<Value>(of values: [Value]) -> Value { values[number(values.count - 1)] }
    private mutating func some(of values: [String]) -> [String] { Array(values[number(values.count)...]) }
    private mutating func duration() -> Duration? { flag() ? .milliseconds(1 + number(10_000_000)) : nil }
}
