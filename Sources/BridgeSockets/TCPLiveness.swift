// rtbridge: how the kernel finds out that a peer is gone.
// SPDX-License-Identifier: Apache-2.0

import Glibc
import NIOCore

/// Options of TCP sockets towards clients and back-ends (tcp(7)).
///
/// A peer that vanishes says nothing: no FIN, no reset. While nothing is under way to it, keepalive probes ask: the first
/// after a minute of silence, and after six without an answer the connection is gone, two minutes after the last word.
/// Probes are answered by the peer's kernel: a peer that is busy, or does not read, is not gone.
///
/// With bytes under way the kernel sends those again instead, and gives up after a quarter of an hour
/// (`net.ipv4.tcp_retries2`). TCP_USER_TIMEOUT would make that shorter, but Linux counts it for a peer too that is there
/// and lets nothing in for that long: a client that does not read would be cut off, where all else waits for it. So it is
/// set only where the peer always reads, which HTTP/2 back-ends do: their streams have windows of their own.
public enum TCPLiveness {
    public struct Option: Sendable {
        public let level: NIOBSDSocket.OptionLevel
        public let name: NIOBSDSocket.Option
        public let value: Int
    }

    /// Seconds of silence until the first probe, seconds between probes, and how many there are.
    public static let idle = 60
    public static let interval = 10
    public static let count = 6

    /// An accepted socket has those of its listener.
    ///
    /// - Parameter userTimeout: TCP_USER_TIMEOUT; nil leaves it to the system.
    public static func options(userTimeout: Duration? = nil) -> [Option] {
        var options = [
            Option(level: .socket, name: .so_keepalive, value: 1),
            Option(level: .tcp, name: NIOBSDSocket.Option(rawValue: TCP_KEEPIDLE), value: idle),
            Option(level: .tcp, name: NIOBSDSocket.Option(rawValue: TCP_KEEPINTVL), value: interval),
            Option(level: .tcp, name: NIOBSDSocket.Option(rawValue: TCP_KEEPCNT), value: count),
        ]
        if let userTimeout {
            let milliseconds = Int(min(userTimeout / .milliseconds(1), 1e9))
            options.append(
                Option(level: .tcp, name: NIOBSDSocket.Option(rawValue: TCP_USER_TIMEOUT), value: milliseconds))
        }
        return options
    }
}
