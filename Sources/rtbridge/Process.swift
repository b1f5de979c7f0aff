// rtbridge: what the process has around it.
// SPDX-License-Identifier: Apache-2.0

import CMalloc
import Glibc

enum Process {
    /// The environment's variables; of a name that stands twice, the first.
    static var environment: [String: String] {
        var variables: [String: String] = [:]
        var entry = environ
        while let text = entry.pointee {
            let parts = String(cString: text).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2, variables[String(parts[0])] == nil { variables[String(parts[0])] = String(parts[1]) }
            entry += 1
        }
        return variables
    }

    /// A line on standard output, at once.
    static func printLine(_ text: String) { write(text + "\n", to: STDOUT_FILENO) }

    static func printError(_ text: String) { write(text + "\n", to: STDERR_FILENO) }

    private static func write(_ text: String, to file: Int32) {
        var text = text
        text.withUTF8 { bytes in
            var rest = UnsafeRawBufferPointer(bytes)
            while rest.count > 0 {
                let count = Glibc.write(file, rest.baseAddress, rest.count)
                guard count > 0 || errno == EINTR else { return }
                rest = UnsafeRawBufferPointer(rebasing: rest[max(0, count)...])
            }
        }
    }

    /// A thread's memory that was freed stays with it up to this many bytes. glibc gives all above 128 KiB back to the
    /// system at once, and the next large message has to fetch it again, page by page (mallopt(3)).
    private static let keptMemory: Int32 = 2 << 20

    static func keepFreedMemory() {
        _ = mallopt(M_TRIM_THRESHOLD, keptMemory)
        _ = mallopt(M_TOP_PAD, keptMemory / 4)
        _ = mallopt(M_MMAP_THRESHOLD, keptMemory)
    }

    /// Each session takes two file descriptors; the default of 1024 would end at some 500 of them.
    static func raiseFileLimit() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
}
