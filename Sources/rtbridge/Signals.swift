// rtbridge: SIGTERM and SIGINT.
// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Glibc

/// Turns the first SIGTERM or SIGINT into a value. A second one ends the process at once, as people expect who press
/// Ctrl-C twice. SIGPIPE is ignored: a closed socket shows as an error where it is written to.
///
/// The kernel may run the handler on any thread, in the middle of anything. It writes the signal's number to a pipe and
/// does no more (signal-safety(7)); the pipe keeps it until the thread that waits for it gets to it.
final class Signals: Sendable {
    private let stream: AsyncStream<String>

    /// From here on no signal is lost, even if nobody waits for it yet.
    /// - Throws: ``Status/configuration``, after it has said so, if there is no pipe to be had.
    init() throws {
        signal(SIGPIPE, SIG_IGN)
        // Made before the handler: all that the handler does with it is a load.
        guard Self.pipe.reading >= 0 else {
            Process.printError("rtbridge: no pipe for signals: \(String(cString: strerror(Self.pipe.error)))")
            throw Status.configuration
        }
        let (stream, continuation) = AsyncStream.makeStream(of: String.self)
        self.stream = stream
        for number in [SIGTERM, SIGINT] { Self.handle(number) }
        DispatchQueue(label: "rtbridge.signals").async {
            continuation.yield(Self.wait() == SIGINT ? "SIGINT" : "SIGTERM")
            _ = Self.wait()
            _exit(1)
        }
    }

    /// Waits for the first signal.
    /// - Returns: its name.
    func first() async -> String {
        for await name in stream { return name }
        return ""
    }

    private struct Pipe: Sendable {
        var reading: Int32 = -1
        var writing: Int32 = -1
        var error: Int32 = 0
    }

    private static let pipe: Pipe = {
        var ends: [Int32] = [-1, -1]
        guard Glibc.pipe(&ends) == 0 else { return Pipe(error: errno) }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        // A handler must not wait, were the pipe ever full.
        _ = fcntl(ends[1], F_SETFL, O_NONBLOCK)
        return Pipe(reading: ends[0], writing: ends[1])
    }()

    private static func handle(_ number: Int32) {
        var action = sigaction()
        action.__sigaction_handler.sa_handler = { number in
            let before = errno
            var byte = UInt8(truncatingIfNeeded: number)
            while write(Signals.pipe.writing, &byte, 1) < 0, errno == EINTR {}
            errno = before
        }
        action.sa_flags = SA_RESTART
        sigemptyset(&action.sa_mask)
        sigaction(number, &action, nil)
    }

    /// The next signal. Occupies its thread until there is one.
    private static func wait() -> Int32 {
        var byte: UInt8 = 0
        while read(pipe.reading, &byte, 1) != 1 {
            // Nothing else can be wrong with a pipe whose writing end this process keeps open.
            guard errno == EINTR else { return SIGTERM }
        }
        return Int32(byte)
    }
}
