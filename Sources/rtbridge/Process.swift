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

    /// How many freed pieces of memory of one size a thread keeps at hand. glibc keeps 7, which a few calls at a time use
    /// up, and goes the long way for all others (glibc manual, "Memory Allocation Tunables").
    private static let piecesAtHand = "glibc.malloc.tcache_count=256"

    /// Starts this program once more, under the same process identifier, with a setting that glibc reads as a process
    /// begins and at no other time. Whoever sets it in the environment has it as they say.
    static func keepFreedPieces() {
        let name = "GLIBC_TUNABLES"
        let given = environment[name]
        guard given?.contains("glibc.malloc.tcache_count") != true, let program = programPath else { return }
        setenv(name, given.map { "\($0):\(piecesAtHand)" } ?? piecesAtHand, 1)
        execv(program, CommandLine.unsafeArgv)
        // Without it all is well but slower.
        if let given { setenv(name, given, 1) } else { unsetenv(name) }
    }

    /// Where this program lies; nil where that is not to be found out, or another one lies there by now.
    private static var programPath: String? {
        var path = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink("/proc/self/exe", &path, path.count - 1)
        guard count > 0 else { return nil }
        let text = String(decoding: path[..<count].map(UInt8.init(bitPattern:)), as: UTF8.self)
        return text.hasSuffix(" (deleted)") ? nil : text
    }

    /// Each session takes two file descriptors; the default of 1024 would end at some 500 of them.
    static func raiseFileLimit() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
}
