// rtbridge: a TCP server whose every step is the test's own call.
// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Sockets without an event loop, so that a connection can be ended while a loop is busy.
final class BlockingServer: Sendable {
    private let listener: CInt
    let port: Int

    init() throws {
        let listener = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                Glibc.bind(listener, pointer, length) == 0 && listen(listener, 8) == 0
                    && getsockname(listener, pointer, &length) == 0
            }
        }
        self.listener = listener
        precondition(isBound, "BlockingServer: errno \(errno)")
        port = Int(UInt16(bigEndian: address.sin_port))
        // Nothing is waited for longer than a test may take.
        var patience = timeval(tv_sec: 30, tv_usec: 0)
        setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { _ = Glibc.close(listener) }

    func accept() -> CInt { Glibc.accept(listener, nil, nil) }

    func read(_ connection: CInt, _ count: Int) {
        var bytes = [UInt8](repeating: 0, count: count)
        var done = 0
        while done < count {
            let more = recv(connection, &bytes, count - done, 0)
            guard more > 0 else { return }
            done += more
        }
    }

    func write(_ connection: CInt, _ text: String) { _ = send(connection, text, text.utf8.count, CInt(MSG_NOSIGNAL)) }

    func close(_ connection: CInt) { _ = Glibc.close(connection) }
}
