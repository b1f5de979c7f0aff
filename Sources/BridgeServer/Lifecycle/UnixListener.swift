// rtbridge: a listener's Unix socket, from its file's making to its removal.
// SPDX-License-Identifier: Apache-2.0

import NIOCore

#if canImport(Glibc)
    import Glibc
#endif

/// One listening socket for all workers: Unix sockets have no SO_REUSEPORT, so one accepts for all.
struct UnixListener: Sendable {
    /// The listening socket, which whoever accepts from it closes.
    let descriptor: CInt
    private let path: String
    /// Of the file, to know it again.
    private let device: dev_t
    private let inode: ino_t

    /// Makes the file, in place of one that nobody listens on any more.
    ///
    /// - Parameter mode: who may connect: connecting needs the permission to write (unix(7)).
    /// - Throws: `IOError`: EADDRINUSE where somebody listens, EEXIST where the file is something else.
    init(path: String, mode: UInt32, backlog: CInt) throws {
        try Self.removeStale(path)
        let descriptor = socket(
            AF_UNIX, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_NONBLOCK.rawValue) | Self.closeOnExec, 0)
        guard descriptor >= 0 else { throw IOError(errnoCode: errno, reason: "socket") }
        do {
            let address = try SocketAddress(unixDomainSocketPath: path)
            try Self.check(address.withSockAddr { bind(descriptor, $0, socklen_t($1)) }, "bind")
            // Nobody can connect before listen(2), so nobody comes in by the permissions of the moment.
            try Self.check(chmod(path, mode_t(mode)), "chmod")
            try Self.check(listen(descriptor, backlog), "listen")
            var status = stat()
            try Self.check(lstat(path, &status), "lstat")
            (device, inode) = (status.st_dev, status.st_ino)
        } catch {
            close(descriptor)
            throw error
        }
        self.descriptor = descriptor
        self.path = path
    }

    private static let closeOnExec = CInt(SOCK_CLOEXEC.rawValue)

    private static func check(_ result: CInt, _ call: StaticString) throws {
        guard result == 0 else { throw IOError(errnoCode: errno, reason: "\(call)") }
    }

    /// Removes the file if it is still this one.
    func remove() {
        var status = stat()
        guard lstat(path, &status) == 0, status.st_dev == device, status.st_ino == inode else { return }
        unlink(path)
    }

    /// unix(7): a socket's file outlives its process, and bind(2) does not take its place.
    private static func removeStale(_ path: String) throws {
        var status = stat()
        guard lstat(path, &status) == 0 else { return }
        guard status.st_mode & S_IFMT == S_IFSOCK else { throw IOError(errnoCode: EEXIST, reason: "bind") }
        let probe = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_NONBLOCK.rawValue) | closeOnExec, 0)
        guard probe >= 0 else { throw IOError(errnoCode: errno, reason: "socket") }
        defer { close(probe) }
        let address = try SocketAddress(unixDomainSocketPath: path)
        let result = address.withSockAddr { connect(probe, $0, socklen_t($1)) }
        // connect(2): EAGAIN is a full backlog, so somebody listens.
        guard result != 0, errno == ECONNREFUSED else {
            throw IOError(errnoCode: result == 0 || errno == EAGAIN ? EADDRINUSE : errno, reason: "bind")
        }
        unlink(path)
    }
}
