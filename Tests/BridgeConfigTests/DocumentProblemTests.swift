// rtbridge: what is said of wrong documents.
// SPDX-License-Identifier: Apache-2.0

import Testing

struct DocumentProblemTests {
    static let wrongParts: [Case] = [
        Case(
            #""version": 2"#,
            #"""
            f:8:12: version: is a version that this build does not know
              Write 1, or leave the key out.
            """#),
        Case(
            #""workers": -1"#,
            #"""
            f:8:12: workers: -1 is outside 0...1024
            """#),
        Case(
            #""workers": 2.5"#,
            #"""
            f:8:12: workers: 2.5 is not written as a whole number
              Write digits alone, for example 0.
            """#),
        Case(
            #""admin": {}"#,
            #"""
            f:8:10: admin.address: is missing
              Write for example "address": "127.0.0.1:9901".
            """#),
        Case(
            #""admin": "a:1""#,
            #"""
            f:8:10: admin: expected an object, found the string "a:1"
              Objects are written { … }.
            """#),
        Case(
            #""admin": {"address": "127.0.0.1:8080"}"#,
            #"""
            f:8:22: admin.address: is the address of the listener "l" as well
              Give each a port of its own.
            """#),
        Case(
            #""health": {"paths": {"live": "/x", "ready": "/x"}, "onListeners": ["m"], "requireBackends": ["a", 1]}"#,
            #"""
            f:8:45: health.paths.ready: live and ready have the same path
              Write two paths.
            f:8:68: health.onListeners[0]: "m" is not the name of a listener with HTTP
              Known: "l".
            f:8:94: health.requireBackends[0]: "a" is not the name of a back-end in "backends"
              Known: "b".
            f:8:99: health.requireBackends[1]: expected a string, found the number 1
              Write it in double quotes.
            """#),
        Case(
            #""shutdown": {"drain": "off"}"#,
            #"""
            f:8:23: shutdown.drain: "off" is not possible here
              Write a duration in 0s...8760h.
            """#),
        Case(
            #""logging": {"level": "warn", "format": "JSON", "redact": ["a:"]}"#,
            #"""
            f:8:22: logging.level: "warn" is not known here
              Did you mean "warning"? Known: "trace", "debug", "info", "notice", "warning", "error".
            f:8:40: logging.format: "JSON" is not known here
              Did you mean "json"? Known: "text", "json".
            f:8:59: logging.redact[0]: "a:" is no name of a header field
              Write for example "x-tenant".
            """#),
        Case(
            #""listener": {}"#,
            #"""
            f:8:1: listener: unknown key
              Did you mean "listeners"? Known keys: admin, backends, health, listeners, logging, routes, shutdown, version, workers.
            """#),
        Case(
            #""xyz": 1"#,
            #"""
            f:8:1: xyz: unknown key
              Known keys: admin, backends, health, listeners, logging, routes, shutdown, version, workers.
            """#),
        Case(
            #""routes": []"#,
            #"""
            f:8:1: routes: the key is written twice
              It stands at 5:5 already; remove one of the two.
            """#),
    ]

    @Test(arguments: wrongParts)
    func aWrongPartIsReportedWhereItIsWrong(_ wrong: Case) {
        #expect(complaints(document(rest: wrong.text)).joined(separator: "\n") == wrong.problems)
    }

    static let wrongWholes: [Case] = [
        Case(
            #"[]"#,
            #"""
            f:1:1: expected an object, found a list
              Objects are written { … }.
            """#),
        Case(
            #"{}"#,
            #"""
            f:1:1: listeners: is missing
              Write at least one entry.
            f:1:1: routes: is missing
              Write at least one entry.
            """#),
        Case(
            #"{"listeners": {}, "routes": []}"#,
            #"""
            f:1:15: listeners: the object is empty
              Write at least one entry.
            f:1:29: routes: the list is empty
              Write at least one entry.
            """#),
        Case(
            #"{"listeners": [], "routes": {}}"#,
            #"""
            f:1:15: listeners: expected an object, found a list
              Objects are written { "name": … }.
            f:1:29: routes: expected a list, found an object
              Lists are written [ … ], one entry or many.
            """#),
        Case(
            #"{"listeners": {"": {"address": "a:0"}, "x": {"address": "A:1"}, "y": {"address": "a:1"}}, "routes": [{"backend": "tcp://a:1"}]}"#,
            #"""
            f:1:16: listeners[""]: is no name
              Write at least one visible character.
            f:1:82: listeners.y.address: is the address of the listener "x" as well
              Give each a port of its own.
            """#),
    ]

    @Test(arguments: wrongWholes)
    func aWrongWholeIsReportedWhereItIsWrong(_ wrong: Case) {
        #expect(complaints(wrong.text).joined(separator: "\n") == wrong.problems)
    }
}
