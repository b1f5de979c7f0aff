// rtbridge: a udp listener's sockets on all workers.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import NIOCore
import NIOPosix

#if canImport(Glibc)
    import Glibc
#endif

enum DatagramBinder {
    /// Of what one system call may bring, in datagrams and in bytes: each has room for the longest that is allowed.
    private static let maximumVector = 16
    private static let maximumVectorBytes = 256 * 1024

    /// Binds one socket a worker, all to one port (SO_REUSEPORT): the kernel chooses by the addresses of both sides, so a
    /// client's datagrams come to one worker.
    static func bind(
        _ wanted: SocketAddress, index: Int, _ workers: [NIOLoopBound<WorkerState>], _ channels: inout [any Channel]
    ) async throws -> SocketAddress {
        var address = wanted
        if workers.count > 1 { address = try PortClaim.check(address, SOCK_DGRAM) }
        for worker in workers {
            var bootstrap = bootstrap(index, worker, isAnyAddress: address.isAnyAddress)
            if workers.count > 1 {
                let option = ChannelOptions.Types.SocketOption(level: .socket, name: ListenerBinder.reusePort)
                bootstrap = bootstrap.channelOption(option, value: 1)
            }
            let channel = try await bootstrap.bind(to: address).get()
            channels.append(channel)
            // With port 0 the first one chooses for all.
            if let bound = channel.localAddress { address = bound }
        }
        return address
    }

    private static func bootstrap(
        _ index: Int, _ worker: NIOLoopBound<WorkerState>, isAnyAddress: Bool
    ) -> DatagramBootstrap {
        DatagramBootstrap(group: worker.eventLoop)
            .channelOption(.receivePacketInfo, value: isAnyAddress)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let ingress = worker.value.ingresses[index]
                    try makeRoom(channel, ingress.udpRoute?.config.udp.maxDatagramBytes)
                    try channel.pipeline.syncOperations.addHandler(UDPListener(ingress))
                }
            }
    }

    private static func makeRoom(_ channel: any Channel, _ maximumBytes: Int?) throws {
        // One byte more than allowed, so that a longer datagram shows.
        let room = (maximumBytes ?? UDPOptions().maxDatagramBytes) + 1
        let count = max(1, min(maximumVector, maximumVectorBytes / room))
        guard let options = channel.syncOptions else { return }
        try options.setOption(
            .recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: count * room))
        if count > 1 { try options.setOption(.datagramVectorReadMessageCount, value: count) }
    }
}

extension SocketAddress {
    /// 0.0.0.0 or [::]: all addresses of this machine.
    fileprivate var isAnyAddress: Bool {
        switch self {
        case .v4(let address): address.address.sin_addr.s_addr == INADDR_ANY
        case .v6(let address): withUnsafeBytes(of: address.address.sin6_addr) { $0.allSatisfy { $0 == 0 } }
        case .unixDomainSocket: false
        }
    }
}
