// rtbridge: the demo's UDP back-end: a source of telemetry on loopback.
// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOPosix

/// Sends 20 datagrams of JSON a second to every subscriber:
///
/// ```
/// {"seq":17,"t":850,"value":0.421,"load":37.25}
/// ```
///
/// `seq` counts what was sent to this subscriber, `t` is milliseconds since the source started, `value` lies in -1...1
/// and `load` in 0...100. The datagram `subscribe` starts this for five minutes and may be repeated, `stop` ends it,
/// and `ping` is answered with `pong`. Subscribers are bounded (``TelemetrySubscribers``).
public actor DemoUDPTelemetry {
    private var channel: (any Channel)?

    public init() {}

    /// Binds to 127.0.0.1 on one loop of `group`.
    /// - Parameter port: 0 lets the system choose.
    /// - Returns: the address.
    public func start(on group: any EventLoopGroup, port: Int = 0) async throws -> SocketAddress {
        precondition(channel == nil, "DemoUDPTelemetry.start: called twice")
        let bound = try await DatagramBootstrap(group: group.next())
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(TelemetryHandler())
                }
            }
            .bind(host: "127.0.0.1", port: port).get()
        guard let address = bound.localAddress else { preconditionFailure("DemoUDPTelemetry: not bound") }
        channel = bound
        return address
    }

    public func stop() async {
        try? await channel?.close()
        channel = nil
    }
}
