// rtbridge: reaching a back-end's endpoint.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgeCore
import BridgeSockets
import NIOCore
import NIOOpenSSL
import NIOPosix

/// Connects to endpoints of one back-end, on one worker.
struct Dialer {
    let backend: Backend
    let worker: Worker
    /// nil: in clear text.
    var tls: TLSClient?
    /// nil: failures of TLS are told by somebody else.
    var notes: TLSNotes?
    /// See ``TCPLiveness``.
    var userTimeout: Duration?
    /// Whether connections are counted; a health check's are not.
    var isCounted = true
    /// Stands in for sockets where it is set.
    var openChannel: ChannelOpener?
    private let buffers = TLSBuffers()

    /// Whether what is written stands on the wire as it is.
    var isClear: Bool { tls == nil }

    /// Tells the log of a failure that is one of TLS.
    func note(_ failure: Failure) { notes?.note(failure, of: backend.name, worker) }

    /// The endpoint as people write it: `10.0.0.11:50051`, `[::1]:50051`, `unix:/run/x.sock`.
    static func text(_ address: Address) -> String { address.description }

    /// Opens a connection to an endpoint, see ``connect(to:host:for:nodelay:handler:done:)``.
    func connect(
        to endpoint: Endpoint, for exchange: Exchange? = nil, nodelay: Bool, handler: some ChannelInboundHandler,
        done: @escaping (Result<any Channel, Failure>) -> Void
    ) {
        connect(
            to: endpoint.address, host: endpoint.host, for: exchange, nodelay: nodelay, handler: handler, done: done)
    }

    /// Opens a TCP connection, and where the back-end has it TLS upon it. Every address of a name is tried (RFC 8305);
    /// what is not there after the back-end's `timeouts.connect`, handshake included, is given up. The channel reads
    /// nothing until it is asked to.
    ///
    /// - Parameter host: the name that the address stands for, which TLS asks for and verifies; nil: the address's own.
    /// - Parameter exchange: whose client a PROXY header names; nil for a connection of the bridge's own.
    /// - Parameter handler: is in the pipeline from the beginning; the channel is active for it once it may write.
    /// - Parameter done: is told on the worker's event loop, once.
    func connect(
        to endpoint: Address, host: String? = nil, for exchange: Exchange? = nil, nodelay: Bool,
        handler: some ChannelInboundHandler, done: @escaping (Result<any Channel, Failure>) -> Void
    ) {
        if let openChannel { return done(.success(openChannel(handler))) }
        let (worker, text) = (worker, Self.text(endpoint))
        let done = counted(text, done)
        let preamble = backend.proxyProtocol.map { ProxyPreamble($0, for: exchange) }
        var handlers: [any ChannelHandler] = preamble.map { [$0] } ?? []
        guard let tls else {
            handlers.append(handler)
            return open(endpoint, nodelay, NIOLoopBound(handlers, eventLoop: worker.eventLoop)) { result in
                worker.refreshClock()
                preamble?.send()
                done(result.mapError { Self.failure($0, text) })
            }
        }
        let handshake = BackHandshake(tls.application, self, text, done: done)
        handlers += [tls.makeHandler(host: host ?? endpoint.host, buffers), handshake, handler] as [any ChannelHandler]
        open(endpoint, nodelay, NIOLoopBound(handlers, eventLoop: worker.eventLoop)) { result in
            if case .failure(let error) = result { handshake.failed(Self.failure(error, text)) }
        }
    }

    private func counted(
        _ endpoint: String, _ done: @escaping (Result<any Channel, Failure>) -> Void
    ) -> (Result<any Channel, Failure>) -> Void {
        guard isCounted else { return done }
        let counters = worker.counters.backend(backend.name).endpoint(endpoint)
        return { result in
            switch result {
            case .success: counters.connected()
            case .failure(let failure): counters.failedToConnect(failure.kind.rawValue)
            }
            done(result)
        }
    }

    private func liveness(_ endpoint: Address) -> [TCPLiveness.Option] {
        switch endpoint {
        case .host: TCPLiveness.options(userTimeout: userTimeout)
        // A peer on this machine cannot vanish without a word.
        case .unix: []
        }
    }

    private func open(
        _ endpoint: Address, _ nodelay: Bool, _ handlers: NIOLoopBound<[any ChannelHandler]>,
        _ done: @escaping (Result<any Channel, any Error>) -> Void
    ) {
        let bootstrap = liveness(endpoint)
            .reduce(ClientBootstrap(group: worker.eventLoop)) {
                $0.channelOption(ChannelOptions.Types.SocketOption(level: $1.level, name: $1.name), value: $1.value)
            }
            .connectTimeout(TimeAmount(backend.connectTimeout))
            .channelOption(.tcpOption(.tcp_nodelay), value: nodelay ? 1 : 0)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .channelOption(.autoRead, value: false)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandlers(handlers.value)
                }
            }
        let connected: EventLoopFuture<any Channel>
        switch endpoint {
        case .host(let host, let port):
            if let address = try? SocketAddress(ipAddress: host, port: port) {
                connected = bootstrap.connect(to: address)
            } else {
                connected = bootstrap.connect(host: host, port: port)
            }
        case .unix(let path): connected = bootstrap.connect(unixDomainSocketPath: path)
        }
        connected.assumeIsolated().whenComplete(done)
    }

    /// What an error of connecting means.
    static func failure(_ error: any Error, _ address: String) -> Failure {
        switch error {
        case ChannelError.connectTimeout(let after):
            let reason = "no answer within \(Double(after.nanoseconds) / 1e9) s (timeouts.connect)"
            return Failure(.connectTimeout, .back, .connect, reason, address: address, timeout: .connect)
        case let error as NIOConnectionError:
            if let last = error.connectionErrors.last { return failure(last.error, address) }
            return Failure(.resolveFailed, .back, .resolve, "the name does not resolve", address: address)
        case let error as TLSError: return failure(error, address)
        case let error as IOError:
            return Failure(.connectFailed, .back, .connect, Errno.text(error), address: address)
        case is SocketAddressError, is SocketAddressError.UnknownHost:
            return Failure(.resolveFailed, .back, .resolve, "the name does not resolve", address: address)
        default:
            return Failure(.connectFailed, .back, .connect, String(describing: error), address: address)
        }
    }

    /// What an error on an open connection means.
    static func lost(_ error: (any Error)?, _ address: String) -> Failure {
        if let error = error as? TLSError { return failure(error, address) }
        let reason = (error as? IOError).map(Errno.text) ?? "the back-end closed the connection"
        return Failure(.connectionLost, .back, .body, reason, address: address)
    }
}
