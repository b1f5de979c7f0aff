// rtbridge: SIGTERM and SIGINT.
// SPDX-License-Identifier: Apache-2.0

@preconcurrency import Dispatch
import Glibc

/// Turns the first SIGTERM or SIGINT into a value. A second one ends the process at once, as people expect who press
/// Ctrl-C twice. SIGPIPE is ignored: a closed socket shows as an error where it is written to.
///
/// Safety: the sources are made in `init` and never touched again; they are kept so that they stay armed.
final class Signals: @unchecked Sendable {
    private let stream: AsyncStream<String>
    private let sources: [any DispatchSourceSignal]

    init() {
        signal(SIGPIPE, SIG_IGN)
        let (stream, continuation) = AsyncStream.makeStream(of: String.self)
        self.stream = stream
        let queue = DispatchQueue(label: "rtbridge.signals")
        let count = Counter()
        sources = [(SIGTERM, "SIGTERM"), (SIGINT, "SIGINT")].map { number, name in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler {
                count.value += 1
                if count.value > 1 { _exit(1) }
                continuation.yield(name)
            }
            source.resume()
            return source
        }
    }

    /// Waits for the first signal.
    /// - Returns: its name.
    func first() async -> String {
        for await name in stream { return name }
        return ""
    }

    // Safety: used on the signal queue alone.
    private final class Counter: @unchecked Sendable { var value = 0 }
}
