// rtbridge: loading from files.
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import BridgeConfig

#if canImport(Glibc)
    import Glibc
#endif

struct ConfigLoaderTests {
    private static func said(_ path: String) -> String {
        do throws(ConfigProblems) {
            return "\(try ConfigLoader.load(path: path, environment: [:]).document)"
        } catch {
            return "\(error)"
        }
    }

    @Test func aFileThatIsNotThereIsAProblemOfItsOwn() {
        #expect(
            Self.said("/no/such/routes.json") == """
                /no/such/routes.json: cannot be read: No such file or directory
                rtbridge: 1 problem in /no/such/routes.json; nothing was started.
                """)
    }

    @Test(arguments: [
        ("/", "/: is a directory"), ("/dev/zero", "/dev/zero: is longer than 4MiB"), ("", ": names no file"),
    ])
    func whatIsNoFileOfReasonableLengthIsRefused(_ path: String, _ expected: String) {
        #expect(Self.said(path).hasPrefix(expected + "\n"))
    }

    @Test func pathsInItStartAtItsFolder() throws {
        let folder = try TemporaryFolder()
        try folder.write("pem", to: "a.pem")
        try folder.write("key", to: "a.key")
        try folder.write("greeter\n", to: "name")
        try folder.write(
            document(
                listener: #""address": "x:0", "tls": {"certificates": [{"certFile": "a.pem", "keyFile": "./a.key"}]}"#,
                route: #""backend": "tcp://${file:name}:1""#),
            to: "routes.json")
        let config = try ConfigLoader.load(path: folder.path + "/routes.json", environment: [:])
        let certificate = config.document.listeners[0].tls?.certificate
        #expect(certificate?.certFile == folder.path + "/a.pem")
        #expect(certificate?.keyFile == folder.path + "/a.key")
        #expect(config.document.routes[0].backend.endpoints == [.host("greeter", port: 1)])
    }

    @Test func aRelativePathOfTheFileItselfStartsAtTheWorkingDirectory() throws {
        let folder = try TemporaryFolder()
        try folder.write("pem", to: "a.pem")
        try folder.write(
            document(
                listener: #""address": "x:0", "tls": {"certificates": [{"certFile": "a.pem", "keyFile": "a.pem"}]}"#),
            to: "routes.json")
        // From wherever the tests run, up to the root and down again.
        let relative = String(repeating: "../", count: 40) + folder.path.dropFirst() + "/routes.json"
        let certFile = try ConfigLoader.load(path: relative, environment: [:]).document.listeners[0].tls?.certificate?
            .certFile
        #expect(certFile?.hasPrefix("/") == true && certFile?.hasSuffix(folder.path + "/a.pem") == true)
    }

    @Test(.enabled(if: geteuid() != 0, "the superuser may read everything"))
    func aFileThatMayNotBeReadIsSaidToBeSo() throws {
        let folder = try TemporaryFolder()
        try folder.write("key", to: "a.key")
        chmod(folder.path + "/a.key", 0)
        #expect(throws: FileFault.system(EACCES)) { try File.checkReadable(folder.path + "/a.key") }
    }

    @Test(arguments: [("/routes.json", "/"), ("/etc/x/routes.json", "/etc/x"), ("/etc//routes.json", "/etc/")])
    func theFolderOfAFileIsTheOneItLiesIn(_ path: String, _ expected: String) {
        #expect(File.directory(of: path) == expected)
    }

    @Test(arguments: ["routes.json", "./routes.json", "x/routes.json", ""])
    func theFolderOfAFileIsAbsolute(_ path: String) {
        #expect(File.directory(of: path).hasPrefix("/"))
    }
}
