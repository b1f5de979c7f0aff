// rtbridge: TCP back-ends: a connection a session.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgeCore
import NIOCore

/// Makes a ``TCPBackLeg`` for each session; endpoints take turns.
public final class TCPConnector: BackConnector {
    let dialer: Dialer
    let lingerTime: TimeAmount
    private var turn: EndpointTurn

    /// - Parameter lingerTime: how long a connection whose end was sent is kept for the back-end's own end. Closing at
    ///   once could turn into a reset that destroys what the back-end has not read yet (RFC 9293 §3.10.4).
    public convenience init(backend: Backend, worker: Worker, lingerTime: TimeAmount = .seconds(5)) {
        self.init(backend: backend, worker: worker, lingerTime: lingerTime, openChannel: nil)
    }

    package init(backend: Backend, worker: Worker, lingerTime: TimeAmount, openChannel: ChannelOpener?) {
        self.lingerTime = lingerTime
        dialer = Dialer(backend: backend, worker: worker, openChannel: openChannel)
        turn = EndpointTurn(backend.endpoints, start: worker.index)
    }

    func takeEndpoints() -> ArraySlice<Address> { turn.take() }

    public func makeLeg() -> any BackLeg { TCPBackLeg(connector: self) }

    public func probe(_ done: @escaping (Failure?) -> Void) {
        dialer.connect(toOneOf: turn.endpoints[...], nodelay: true, handler: IgnoringHandler.init) { result in
            switch result {
            case .success((let channel, _)):
                channel.close(promise: nil)
                done(nil)
            case .failure(let failure): done(failure)
            }
        }
    }

    public func shutdown() {}
}

/// For a connection whose being there is all that is asked.
final class IgnoringHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
