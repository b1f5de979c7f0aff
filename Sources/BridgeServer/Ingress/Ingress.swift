// rtbridge: from a request's head to who answers it.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgeCore
import BridgeFronts
import BridgeTelemetry
import BridgeWire
import HTTP2Session
import NIOCore
import NIOOpenSSL

/// One listener as one worker sees it: its routes, and what the bridge answers there by itself.
package final class Ingress {
    /// The protocols that clients may speak, in the order in which they are recognised.
    private let fronts: [any FrontProtocol.Type] = [
        GRPCWebFront.self, GRPCFront.self, WebSocketFront.self, SSEFront.self, HTTPFront.self,
    ]

    let worker: Worker
    let listener: ListenerShared
    /// Shared by this listener's HTTP/2 connections.
    let buffers = HTTP2Buffers()
    let tlsBuffers = TLSBuffers()
    private let table: RouteTable
    private let isTCP: Bool
    private let tcpRoutes: [WorkerRoute]
    /// Of datagrams, which have nothing to be told apart by.
    let udpRoute: WorkerRoute?
    /// Paths that the bridge answers itself, health among them.
    private let local: LocalPages?
    /// `grpc.health.v1`, where this listener answers it.
    private let healthRoute: WorkerRoute?
    let counters: ListenerCounters
    /// Whether a request for a WebSocket may find a route here: HTTP/2 clients are told (RFC 8441 §3).
    let takesWebSockets: Bool
    private var refusedConnections = 0
    /// Connections that are open here, to be told of a drain.
    private var connections: [ObjectIdentifier: any DrainableConnection] = [:]

    package init(
        worker: Worker, listener: ListenerShared, routes: [WorkerRoute], local: LocalPages?, healthRoute: WorkerRoute?
    ) {
        self.worker = worker
        self.listener = listener
        counters = worker.counters.listener(listener.name)
        table = RouteTable(routes)
        isTCP = listener.protocols == [.tcp]
        tcpRoutes = routes.filter { $0.config.match.protocols == [.tcp] }
        udpRoute = routes.first { $0.config.match.protocols == [.udp] }
        takesWebSockets = routes.contains { route in
            let protocols = route.config.match.protocols
            return protocols.contains(.websocket) || protocols.contains(.grpcWeb) && route.config.grpcWeb.websockets
        }
        self.local = local
        self.healthRoute = healthRoute
    }

    /// Finds who answers. Afterwards `stream.handler` is set, or the answer is on its way already.
    func dispatch(_ head: RequestHead, _ stream: any HTTPFrontStream) {
        if let local, local.answer(head, stream, worker) { return }
        if CORSPolicy.isPreflight(head) { return answerPreflight(head, stream) }
        for front in fronts where front.recognises(head) {
            if front.name == .websocket, openCalls(head, stream) { return }
            if front.name == .http, head.isExtendedConnect { return refuseProtocol(head, stream) }
            if let route = healthRoute, Self.isHealthCall(head), front.name != .websocket {
                return front.accept(FrontRequest(head: head, stream: stream, route: route, worker: worker))
            }
            if let route = table.find(head, front.name) {
                return front.accept(FrontRequest(head: head, stream: stream, route: route, worker: worker))
            }
            // A back-end that speaks HTTP may speak gRPC-Web by itself.
            if front.name == .grpcWeb, let route = table.find(head, .http) {
                return HTTPFront.accept(FrontRequest(head: head, stream: stream, route: route, worker: worker))
            }
            // A page of an HTTP back-end may have events of its own.
            guard front.name != .sse else { continue }
            return refuse(front, head, stream)
        }
    }

    /// RFC 9220 §3 has 501 for a `:protocol` that the server does not know.
    private func refuseProtocol(_ head: RequestHead, _ stream: any HTTPFrontStream) {
        let name = head.fields.string(":protocol") ?? ""
        LocalAnswer.send(
            stream, status: 501, text: "CONNECT takes the :protocol websocket alone, and not \(name.prefix(32)).")
    }

    private static func isHealthCall(_ head: RequestHead) -> Bool {
        head.path.withUnsafeBytes { FieldBytes.hasPrefix($0, "/grpc.health.v1.Health/") }
    }

    /// Calls over WebSocket go where gRPC-Web goes. Where no such route wants them, the WebSocket is one like any other.
    private func openCalls(_ head: RequestHead, _ stream: any HTTPFrontStream) -> Bool {
        guard GRPCWebSocketFront.isOffered(head), let route = routeOfCall(head),
            let opening = GRPCWebSocketFront.choose(head, route)
        else { return false }
        let request = FrontRequest(head: head, stream: stream, route: route, worker: worker)
        GRPCWebSocketFront.accept(request, opening) { [self] in routeOfCall($0) }
        return true
    }

    private func routeOfCall(_ head: RequestHead) -> WorkerRoute? {
        if let healthRoute, Self.isHealthCall(head) { return healthRoute }
        return table.find(head, .grpcWeb)
    }

    private func answerPreflight(_ head: RequestHead, _ stream: any HTTPFrontStream) {
        if SSEFront.isOfSession(head), let route = table.find(head, .sse) {
            return SSEFront.answerPreflight(FrontRequest(head: head, stream: stream, route: route, worker: worker))
        }
        if let route = preflightOfHTTP(head) {
            return HTTPFront.answerPreflight(FrontRequest(head: head, stream: stream, route: route, worker: worker))
        }
        guard let route = table.find(head, .grpcWeb) ?? (Self.isHealthCall(head) ? healthRoute : nil) else {
            return LocalAnswer.send(stream, status: 404, text: "No gRPC-Web route matches this path.")
        }
        GRPCWebFront.answerPreflight(FrontRequest(head: head, stream: stream, route: route, worker: worker))
    }

    /// The HTTP route that a preflight is for. gRPC-Web calls are POST with a content-type that is not safelisted
    /// (Fetch, "CORS-safelisted request-header"), so their preflight asks for both; where both kinds of route match, its
    /// usual `x-grpc-web` tells, or else the order of the routes.
    private func preflightOfHTTP(_ head: RequestHead) -> WorkerRoute? {
        guard let route = table.find(head, .http) else { return nil }
        guard let web = table.find(head, .grpcWeb) else { return route }
        let headers = FieldTokens.elements(head.fields, "access-control-request-headers").map { $0.lowercased() }
        let isPOST = head.fields.first("access-control-request-method")?.elementsEqual("POST".utf8) ?? false
        guard isPOST, headers.contains("content-type") else { return route }
        return headers.contains("x-grpc-web") || table.isBefore(web, route) ? nil : route
    }

    private func refuse(_ front: any FrontProtocol.Type, _ head: RequestHead, _ stream: any HTTPFrontStream) {
        let others = table.protocols(at: head)
        guard front.name == .grpc || front.name == .http, !others.isEmpty else { return front.refuse(head, stream) }
        refuseUnknown(head, stream, speaks: front.name)
    }

    /// The request speaks a protocol that no route here takes: say which one this place wants.
    private func refuseUnknown(_ head: RequestHead, _ stream: any HTTPFrontStream, speaks: FrontProtocolName?) {
        let wanted = table.protocols(at: head)
        if let route = table.find(head, .grpcWeb) {
            return GRPCWebFront.refuseOther(FrontRequest(head: head, stream: stream, route: route, worker: worker))
        }
        if wanted.contains(.websocket) { return WebSocketFront.refuseOther(head, stream) }
        if wanted.contains(.grpc) {
            return LocalAnswer.send(stream, status: 415, text: "This path takes gRPC (application/grpc) alone.")
        }
        LocalAnswer.send(stream, status: 404, text: "No route matches this path.")
    }

    /// The route of a byte stream.
    /// - Parameter serverName: what the client asked for by SNI; nil where it named none.
    func tcpRoute(serverName: String?) -> WorkerRoute? {
        // RFC 6066 §3: names are compared without regard to case, and have no trailing dot.
        let name = serverName?.lowercased()
        return tcpRoutes.first { route in
            let names = route.config.match.serverNames
            return names.isEmpty
                || names.contains { host in
                    switch host {
                    case .exact(let exact): name == exact
                    case .suffix(let suffix): name?.hasSuffix(suffix) ?? false
                    }
                }
        }
    }

    // MARK: Connections

    /// The first handler of a new connection.
    package func makeStarter(_ info: ConnectionInfo) -> any ChannelHandler {
        isTCP ? TCPStarter(ingress: self, info: info) : ConnectionStarter(ingress: self, info: info)
    }

    /// A connection is closed, because nothing came in time.
    func noteTimeout(_ timeout: Failure.Timeout, _ info: ConnectionInfo) {
        counters.timedOut(timeout.rawValue)
        worker.logger.debug(
            "connection closed: no request in time",
            metadata: [
                "listener.name": "\(listener.name)", "client.address": "\(info.client)",
                "failure.timeout": "\(timeout.rawValue)",
            ])
    }

    /// A connection found the listener full. Said at once, and then now and again.
    func noteRefusedConnection() {
        counters.refuse()
        defer { refusedConnections += 1 }
        guard refusedConnections % 1000 == 0 else { return }
        worker.logger.warning(
            "connection refused: limits.maxConnections are open",
            metadata: ["listener.name": "\(listener.name)", "count": "\(refusedConnections + 1)"])
    }

    func opened(_ connection: any DrainableConnection) { connections[ObjectIdentifier(connection)] = connection }

    func closed(_ connection: any DrainableConnection) {
        connections[ObjectIdentifier(connection)] = nil
    }

    func drain() { for connection in connections.values { connection.drain() } }

    func closeAll() { for connection in connections.values { connection.closeNow() } }

    var isEmpty: Bool { connections.isEmpty }
}

/// A client's connection, as the drain sees it.
protocol DrainableConnection: AnyObject {
    /// Ends as soon as what is in flight has ended.
    func drain()
    func closeNow()
}
