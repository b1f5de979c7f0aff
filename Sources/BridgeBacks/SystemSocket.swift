// rtbridge: sending on a channel's own socket, to know to the byte what the kernel took.
// SPDX-License-Identifier: Apache-2.0

import Glibc
import NIOCore
import NIOPosix

/// A write that goes round the channel's queue. Allowed only while that queue is empty, or the order would be lost.
enum SystemSocket {
    enum OnSend: Equatable {
        case sent(Int)
        /// The errno of send(2).
        case failed(Int32)
    }

    /// send(2), which neither waits nor signals.
    static func send(_ bytes: ByteBuffer, on channel: any Channel) -> OnSend {
        let flags = Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL)
        let result: OnSend? = try? channel.pipeline.syncOperations.withUnsafeTransportIfAvailable(
            of: NIOBSDSocket.Handle.self
        ) { handle in
            bytes.withUnsafeReadableBytes { bytes in
                while true {
                    let count = Glibc.send(handle, bytes.baseAddress, bytes.count, flags)
                    if count >= 0 { return .sent(count) }
                    if errno != EINTR { return .failed(errno) }
                }
            }
        }
        return result ?? .failed(EBADF)
    }

    /// The socket behind a channel; nil where there is none.
    static func descriptor(of channel: any Channel) -> CInt? {
        try? channel.pipeline.syncOperations.withUnsafeTransportIfAvailable(of: NIOBSDSocket.Handle.self) { $0 }
    }

    /// Whether the peer's end, or a reset, has come already; the channel hears of it only with its loop's next turn.
    ///
    /// - Parameter descriptor: of a channel that is open.
    static func hasEnded(_ descriptor: CInt) -> Bool {
        var byte: UInt8 = 0
        let count = Glibc.recv(descriptor, &byte, 1, Int32(MSG_PEEK) | Int32(MSG_DONTWAIT))
        return count == 0 || count < 0 && errno != EAGAIN && errno != EINTR
    }
}
