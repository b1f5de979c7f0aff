// rtbridge: the system's own TLS tools.
// SPDX-License-Identifier: Apache-2.0
import Foundation

/// A program that runs to its end.
struct Command {
    struct Outcome {
        var status: Int32
        /// Standard output and standard error, in the order in which they were written.
        var output: String
    }

    var arguments: [String]
    /// Given at once; the program's standard input stays open until it ends, so that it does not end for want of input.
    var input = ""

    /// Runs the program, found by PATH. Blocks.
    func run() throws -> Outcome {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = arguments
        let stdin = Pipe()
        let output = Pipe()
        process.standardInput = stdin
        process.standardOutput = output
        process.standardError = output
        try process.run()
        try stdin.fileHandleForWriting.write(contentsOf: Data(input.utf8))
        let bytes = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return Outcome(status: process.terminationStatus, output: String(decoding: bytes, as: UTF8.self))
    }
}

/// A directory that is gone when the test is.
final class Scratch {
    let url: URL

    init() throws {
        url = FileManager.default.temporaryDirectory.appendingPathComponent("nio-openssl-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: url) }

    func path(_ name: String) -> String { url.appendingPathComponent(name).path }

    /// Writes a file and gives its path.
    func write(_ text: String, _ name: String) throws -> String {
        try Data(text.utf8).write(to: url.appendingPathComponent(name))
        return path(name)
    }

    func read(_ name: String) throws -> [UInt8] { Array(try Data(contentsOf: url.appendingPathComponent(name))) }
}

extension Scratch {
    /// Runs the system's `openssl` in this directory's terms.
    func openssl(_ line: String) throws {
        let words = line.split(separator: " ").map { String($0.replacing("@", with: url.path + "/")) }
        let outcome = try Command(arguments: ["openssl"] + words).run()
        if outcome.status != 0 { throw Failed(line: line, output: outcome.output) }
    }

    struct Failed: Error {
        var line: String
        var output: String
    }

    /// Writes `NAME.pem` and `NAME.key`: an RSA key and a certificate for `localhost` that signs itself.
    func makeRSA(_ name: String) throws {
        try openssl(
            "req -x509 -newkey rsa:2048 -nodes -keyout @\(name).key -out @\(name).pem -days 2 -subj /CN=\(name) "
                + "-addext subjectAltName=DNS:localhost")
    }

    /// Writes a root, an intermediate that it signed and a leaf for `localhost` that the intermediate signed.
    func makeChain() throws {
        try openssl(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout @root.key -out @root.pem -days 2 "
                + "-subj /CN=root -addext keyUsage=critical,keyCertSign")
        for (name, issuer, text) in [
            ("middle", "root", "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n"),
            ("leaf", "middle", "basicConstraints=CA:FALSE\nsubjectAltName=DNS:localhost\n"),
        ] {
            _ = try write(text, "\(name).ext")
            try openssl(
                "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout @\(name).key -out @\(name).csr "
                    + "-subj /CN=\(name)")
            try openssl(
                "x509 -req -in @\(name).csr -CA @\(issuer).pem -CAkey @\(issuer).key -CAcreateserial -days 2 "
                    + "-extfile @\(name).ext -out @\(name).pem")
        }
        _ = try write(String(decoding: read("leaf.pem") + read("middle.pem"), as: UTF8.self), "chain.pem")
        _ = try write(String(decoding: read("middle.pem") + read("leaf.pem"), as: UTF8.self), "backwards.pem")
    }
}
