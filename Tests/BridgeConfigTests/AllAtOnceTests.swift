// rtbridge: all problems of a file in one go.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import Testing

struct AllAtOnceTests {
    private static func failure(_ text: String) -> ConfigProblems? {
        #expect(throws: ConfigProblems.self) {
            try ConfigLoader.load(text: text, file: "conf/routes.json", directory: "/", environment: [:])
        }
    }

    @Test func problemsOfAllPartsComeSortedWithACountAtTheEnd() throws {
        let text = """
            {
              // the wrong way to comment
              "workers": -1,
              "routes": [
                { "backend": "greeter", "rateLimit": {} },
                { "backend": "tcp://127.0.0.1:1", "match": { "listner": "x", } },
              ],
              "listeners": { "public": { "address": "0.0.0.0", "limits": { "idleTimeout": 5 } } },
              "backends": { "greeters": { "protocol": "grpc", "endpoints": ["a:1"], "protocol": "tcp" } }
            }
            """
        let failure = try #require(Self.failure(text))
        #expect(
            "\(failure)" == """
                conf/routes.json:2:3: JSON has no comments
                  Write a key that begins with "//", for example "// why": "…".
                conf/routes.json:3:14: workers: -1 is outside 0...1024
                conf/routes.json:5:18: routes[0].backend: "greeter" is not the name of a back-end
                  Did you mean "greeters"? Known: "greeters".
                conf/routes.json:5:29: routes[0].rateLimit: not supported yet
                  Leave the key out: this build would not do what it asks for.
                conf/routes.json:6:50: routes[1].match.listner: unknown key
                  Did you mean "listener"? Known keys: headers, host, listener, method, path, pathPrefix, protocol, serverNames, service.
                conf/routes.json:6:64: routes[1].match: a comma before the closing }
                  Remove the comma.
                conf/routes.json:6:69: routes: a comma before the closing ]
                  Remove the comma.
                conf/routes.json:8:41: listeners.public.address: "0.0.0.0" has no port
                  Write for example "0.0.0.0:8443" or "[::]:8443".
                conf/routes.json:8:79: listeners.public.limits.idleTimeout: 5 has no unit
                  Write "5s" for seconds or "5ms" for milliseconds.
                conf/routes.json:9:73: backends.greeters.protocol: the key is written twice
                  It stands at 9:31 already; remove one of the two.
                rtbridge: 10 problems in conf/routes.json; nothing was started.
                """)
        #expect(failure.problems.allSatisfy { $0.severity == .error && $0.file == "conf/routes.json" })
        #expect(failure.problems[1].line == 3 && failure.problems[1].column == 14)
        #expect(failure.problems[1].path == "workers" && failure.problems[1].hint == nil)
    }

    @Test func oneProblemIsCountedAsOne() throws {
        let failure = try #require(Self.failure("{"))
        #expect(
            "\(failure)" == """
                conf/routes.json:1:2: the file ends before { is closed
                  It was opened at 1:1.
                rtbridge: 1 problem in conf/routes.json; nothing was started.
                """)
    }

    @Test func warningsAreCountedApart() {
        func problem(_ line: Int, _ severity: ConfigProblem.Severity) -> ConfigProblem {
            ConfigProblem(file: "f", line: line, column: 1, path: "", message: "m", severity: severity)
        }
        let both = ConfigProblems(file: "f", problems: [problem(2, .error), problem(1, .warning)])
        #expect(
            "\(both)" == "f:1:1: warning: m\nf:2:1: m\nrtbridge: 1 problem and 1 warning in f; nothing was started.")
    }

    @Test func oneFaultIsSaidOnce() {
        // A listener or back-end that is wrong is known by its name all the same.
        let text = document(
            listener: #""address": "x""#, backend: #""protocol": "grpc", "endpoints": [1]"#,
            route: #""backend": "b", "match": {"listener": "l", "protocol": "websocket"}"#,
            rest: #""health": {"onListeners": ["l"], "requireBackends": ["b"]}, "workers": yes"#)
        #expect(
            complaints(text).map { $0.split(separator: "\n")[0] } == [
                #"f:2:12: listeners.l.address: "x" has no port"#,
                #"f:4:35: backends.b.endpoints[0]: expected an address, found the number 1"#,
                #"f:6:56: routes[0].match.protocol: websocket does not fit the back-end "b", which speaks grpc"#,
                #"f:8:72: workers: "yes" is not JSON"#,
            ])
    }

    @Test func whatATerminalMightObeyIsEscaped() {
        let wrong = complaints(document(rest: #""work\u001b[31m\u202e": 1"#))
        #expect(wrong[0].hasPrefix(#"f:8:1: ["work\u{1b}[31m\u{202e}"]: unknown key"#))
    }

    @Test func commentsAreNoKeys() {
        let listener = #""// a": 1, "$schema": {}, "address": "127.0.0.1:8080", "limits": {"//": [1]}"#
        let route = #""backend": "b", "// a": null, "match": {"headers": {"// b": 1}}"#
        let rest = #""$schema": "routes.schema.json", "//": "x", "health": {"//": 1}"#
        #expect(complaints(document(listener: listener, route: route, rest: rest)) == [])
    }
}
