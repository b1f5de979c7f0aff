// rtbridge: ${NAME} and ${file:PATH}.
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import BridgeConfig

struct ExpansionTests {
    private static let environment = ["HOST": "greeter.internal", "PORT": "50051", "EMPTY": "", "_a1": "${HOST}"]

    private static func expand(_ text: String, directory: String = "/") -> String {
        do throws(Fault) {
            return try Expansion(environment: environment, directory: directory).expand(text)
        } catch {
            return "! " + error.message
        }
    }

    @Test(arguments: [
        ("plain $ {x} $x", "plain $ {x} $x"), ("grpc://${HOST}:${PORT}", "grpc://greeter.internal:50051"),
        ("a${EMPTY}b", "ab"), ("$${HOST}", "${HOST}"), ("$$${HOST}", "$${HOST}"),
        ("$${${HOST}}", "${greeter.internal}"),
        // What was put in is not looked at again.
        ("${_a1}", "${HOST}"),
        ("${NONE}", "! needs the environment variable NONE, which is not set"),
        ("${HOST", "! has a ${ that is not closed"),
        ("${}", "! has ${…} around what is no name of an environment variable"),
        ("${1A}", "! has ${…} around what is no name of an environment variable"),
        ("${HOST:-x}", "! has ${…} around what is no name of an environment variable"),
        ("${file:}", "! names no file"),
        ("${file:/no/such}", "! needs the file \"/no/such\", which cannot be read: No such file or directory"),
        ("${file:/}", "! needs the file \"/\", which is a directory"),
        ("${file:/dev/zero}", "! needs the file \"/dev/zero\", which is longer than 1MiB"),
    ])
    func textsAreExpandedOrRefused(_ text: String, _ expected: String) {
        #expect(Self.expand(text) == expected)
    }

    @Test(arguments: [("x", "x"), ("x\n", "x"), ("x\r\n", "x"), ("x\n\n", "x\n"), ("", ""), ("${HOST}\n", "${HOST}")])
    func aFileLosesItsLastLineBreakAlone(_ content: String, _ expected: String) throws {
        let folder = try TemporaryFolder()
        try folder.write(content, to: "value")
        #expect(Self.expand("[${file:value}]", directory: folder.path) == "[\(expected)]")
        #expect(Self.expand("[${file:./value}]", directory: folder.path + "/") == "[\(expected)]")
        #expect(Self.expand("[${file:\(folder.path)/value}]") == "[\(expected)]")
    }

    @Test func everyStringOfADocumentIsExpanded() throws {
        let text = document(
            listener: #""address": "${HOST}:0", "limits": {"idleTimeout": "${TIME}"}"#,
            route: #""backend": "${BACK}", "maxMessageBytes": "${SIZE}""#, rest: #""logging": {"level": "${LEVEL}"}"#)
        let document = try loaded(
            text,
            environment: ["HOST": "x", "TIME": "off", "BACK": "b", "SIZE": "512", "LEVEL": "debug"])
        #expect(document.listeners[0].address == .host("x", port: 0))
        #expect(document.listeners[0].limits.idleTimeout == nil)
        #expect(document.routes[0].backend.name == "b")
        #expect(document.routes[0].maxMessageBytes == 512)
        #expect(document.logging.level == .debug)
    }

    @Test func anUnsetVariableIsReportedByName() {
        #expect(
            complaints(document(route: #""backend": "tcp://${GREETER}:1""#)) == [
                """
                f:6:12: routes[0].backend: "tcp://${GREETER}:1" needs the environment variable GREETER, which is not set
                  Set GREETER before the start, or write the value here.
                """
            ])
    }

    /// Whatever is wrong with a value that came out of the environment, no problem shows it.
    @Test(arguments: [
        #"{"listeners": {"l": {"address": "${S}", "protocols": ["${S}"], "tls": {"minVersion": "${S}", "groups": ["${S}"], "certificates": [{"certFile": "${S}", "keyFile": "/${S}", "serverNames": ["${S} "]}]}, "limits": {"maxHeaderBytes": "${S}", "idleTimeout": "${S}"}}}, "routes": []}"#,
        #"{"listeners": {}, "backends": {"b": {"protocol": "${S}", "endpoints": ["${S}"], "loadBalancing": "${S}", "timeouts": {"connect": "${S}"}, "backoff": {"jitter": "${S}", "max": "1${S}"}}}, "routes": []}"#,
        #"{"listeners": {}, "routes": [{"backend": "${S}"}, {"backend": "tcp://${S}"}, {"backend": "${S}://a:1"}, {"backend": "tcp://a:${S}"}]}"#,
        #"{"listeners": {}, "routes": [{"backend": "tcp://${H}:1", "match": {"listener": "${S}", "host": "${S}", "path": "${S}", "protocol": "grpc"}, "name": "${S}"}, {"backend": "tcp://a:1", "name": "${S}"}]}"#,
        #"{"listeners": {}, "routes": [{"backend": "grpc://a:1", "match": {"service": "${S}", "method": "${S}"}, "cors": {"allowOrigins": ["${S}", "https://${H}/"], "allowHeaders": ["${S}"], "maxAge": "${S}"}, "maxMessageBytes": "1${S}"}]}"#,
        #"{"listeners": {}, "routes": [], "health": {"onListeners": ["${S}"], "requireBackends": ["${S}"], "paths": {"live": "${S}"}}, "logging": {"level": "${S}", "redact": ["${S}"]}}"#,
    ])
    func secretsAreNeverShown(_ text: String) {
        let secret = "sec ret"
        let said = complaints(text, environment: ["S": secret, "H": "secret.host"]).joined(separator: "\n")
        #expect(said.contains("${S}"))
        #expect(!said.contains("sec"), "\(said)")
    }
}
