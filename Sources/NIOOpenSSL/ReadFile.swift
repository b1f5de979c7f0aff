// rtbridge: small files read whole.
// SPDX-License-Identifier: Apache-2.0
#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

enum ReadFile {
    /// No certificate or key file is as large; a device or a wrong path may be.
    static let maximumBytes = 4 * 1024 * 1024

    /// The bytes of the file at `path`.
    /// - Throws: a ``TLSError/Kind/configuration`` error with the path and the system's reason.
    static func bytes(of path: String) throws(TLSError) -> [UInt8] {
        guard let file = fopen(path, "rbe") else { throw problem(path) }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 16 * 1024)
        while case let count = fread(&piece, 1, piece.count, file), count > 0 {
            bytes += piece[..<count]
            if bytes.count > maximumBytes {
                throw TLSError(.configuration, "larger than \(maximumBytes) bytes: not a PEM file", path: path)
            }
        }
        if ferror(file) != 0 { throw problem(path) }
        return bytes
    }

    private static func problem(_ path: String) -> TLSError {
        TLSError(.configuration, "cannot be read: \(String(cString: strerror(errno)))", path: path)
    }
}
