// rtbridge: a health check by TCP, or by HTTP/1.1.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import NIOCore

/// `tcp` is content with a connection; `http` sends a `GET` and looks at the answer's status line.
final class SocketProbe: ChannelInboundHandler, HealthQuestion {
    typealias InboundIn = ByteBuffer

    /// RFC 9112 §4: a status line begins with a version of eight octets, a space and three digits.
    private static let statusLength = 12
    private static let endOfHead = Array("\r\n\r\n".utf8)
    /// Of an interim answer.
    private static let maximumHead = 16 * 1024

    private let endpoint: Endpoint
    private let config: HealthCheck
    private let dialer: Dialer
    private var done: ((HealthAnswer) -> Void)?
    private var channel: (any Channel)?
    private var answer = ByteBuffer()

    init(_ endpoint: Endpoint, _ config: HealthCheck, _ endpoints: EndpointSet, _ tls: TLSClient?) {
        self.endpoint = endpoint
        self.config = config
        var backend = endpoints.backend
        backend.connectTimeout = config.timeout
        dialer = Dialer(backend: backend, worker: endpoints.worker, tls: tls, isCounted: false)
    }

    func ask(_ done: @escaping (HealthAnswer) -> Void) {
        self.done = done
        dialer.connect(to: endpoint, nodelay: true, handler: self) { [self] result in
            switch result {
            case .success(let channel): connected(channel)
            case .failure(let failure):
                finish(failure.phase == .tls ? "\(failure.phase.rawValue): \(failure.reason)" : failure.reason)
            }
        }
    }

    private func connected(_ channel: any Channel) {
        guard done != nil else { return channel.close(promise: nil) }
        self.channel = channel
        switch config.type {
        case .tcp, .grpc: finish(nil)
        case .http:
            let request =
                "GET \(config.path) HTTP/1.1\r\nhost: \(endpoint.address.authority)\r\nconnection: close\r\n\r\n"
            channel.writeAndFlush(ByteBuffer(string: request), promise: nil)
            channel.read()
        }
    }

    func cancel() {
        done = nil
        channel?.close(promise: nil)
        channel = nil
    }

    private func finish(_ failure: String?) {
        let done = done
        cancel()
        done?(.once(failure))
    }

    // MARK: The answer

    /// There is something to cancel from here on.
    func handlerAdded(context: ChannelHandlerContext) { channel = context.channel }

    func channelReadComplete(context: ChannelHandlerContext) { context.read() }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed = event { context.close(promise: nil) }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var piece = unwrapInboundIn(data)
        answer.writeBuffer(&piece)
        while let head = answer.getString(at: answer.readerIndex, length: Self.statusLength) {
            guard head.hasPrefix("HTTP/1."), let status = Int(head.suffix(3)) else {
                return finish("the answer is not HTTP/1.1")
            }
            guard status < 200, !config.expectStatus.contains(status) else {
                return finish(config.expectStatus.contains(status) ? nil : "HTTP \(status) (healthCheck.expectStatus)")
            }
            // RFC 9110 §15.2: "A client MUST be able to parse one or more 1xx responses received prior to a final
            // response, even if the client does not expect one."
            guard let end = answer.readableBytesView.firstRange(of: Self.endOfHead)?.upperBound else {
                guard answer.readableBytes <= Self.maximumHead else { return finish("HTTP \(status) without an end") }
                return
            }
            answer.moveReaderIndex(to: end)
        }
    }

    func channelInactive(context: ChannelHandlerContext) { finish("the connection was closed without an answer") }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        finish(Dialer.lost(error, "").reason)
    }
}

@available(*, unavailable)
extension SocketProbe: Sendable {}
