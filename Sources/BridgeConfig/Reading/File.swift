// rtbridge: reading small files, without Foundation.
// SPDX-License-Identifier: Apache-2.0

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Why a file could not be read; the description completes a sentence that begins with the file's name.
enum FileFault: Error, Equatable, CustomStringConvertible {
    case system(Int32)
    case noName
    case isDirectory
    case longerThan(Int)

    var description: String {
        switch self {
        case .system(let number): "cannot be read: \(String(cString: strerror(number)))"
        case .noName: "names no file"
        case .isDirectory: "is a directory"
        case .longerThan(let limit): "is longer than \(SizeText.write(limit))"
        }
    }
}

enum File {
    static let relativeHint = "Relative paths start at the folder of the configuration file."

    /// The whole of a file of at most `limit` bytes; pipes are read to their end as well.
    static func read(_ path: String, limit: Int) throws(FileFault) -> [UInt8] {
        let descriptor = try open(path)
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 * 1024)
        while true {
            let count = systemRead(descriptor, &chunk)
            if count < 0 {
                if errno == EINTR { continue }
                throw .system(errno)
            }
            if count == 0 { return bytes }
            bytes += chunk[..<count]
            if bytes.count > limit { throw .longerThan(limit) }
        }
    }

    /// Whether ``read(_:limit:)`` would find a file that it may open.
    static func checkReadable(_ path: String) throws(FileFault) { close(try open(path)) }

    /// The path itself where it is absolute, otherwise under the directory.
    static func resolve(_ path: String, in directory: String) -> String {
        if path.hasPrefix("/") { return path }
        var rest = path[...]
        while rest.hasPrefix("./") { rest = rest.dropFirst(2) }
        return directory.hasSuffix("/") ? directory + rest : directory + "/" + rest
    }

    /// The absolute path of the folder that a file lies in.
    static func directory(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return currentDirectory() }
        if slash == path.startIndex { return "/" }
        return resolve(String(path[..<slash]), in: currentDirectory())
    }

    private static func currentDirectory() -> String {
        guard let text = getcwd(nil, 0) else { return "." }
        defer { free(text) }
        return String(cString: text)
    }

    private static func open(_ path: String) throws(FileFault) -> Int32 {
        guard !path.isEmpty else { throw .noName }
        let descriptor = systemOpen(path)
        guard descriptor >= 0 else { throw .system(errno) }
        var status = stat()
        if fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFDIR {
            close(descriptor)
            throw .isDirectory
        }
        return descriptor
    }
}

private func systemOpen(_ path: String) -> Int32 { open(path, O_RDONLY | O_CLOEXEC) }

private func systemRead(_ descriptor: Int32, _ chunk: inout [UInt8]) -> Int {
    chunk.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
}

/// Addresses of the internet as the system reads them.
enum SystemAddress {
    static func isIPv4(_ text: String) -> Bool {
        var address = in_addr()
        return inet_pton(AF_INET, text, &address) == 1
    }

    /// - Parameter text: Without brackets; a zone (`%eth0`) may follow.
    static func isIPv6(_ text: String) -> Bool {
        var address = in6_addr()
        let zone = text.firstIndex(of: "%")
        if let zone, text.index(after: zone) == text.endIndex { return false }
        return inet_pton(AF_INET6, String(text[..<(zone ?? text.endIndex)]), &address) == 1
    }
}
