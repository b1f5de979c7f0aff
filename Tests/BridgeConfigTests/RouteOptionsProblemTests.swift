// rtbridge: what is said of wrong options of routes.
// SPDX-License-Identifier: Apache-2.0

import Testing

struct RouteOptionsProblemTests {
    static let wrongOptions: [Case] = [
        Case(
            #""backend": "grpc://a:1", "retryPolicy": {"maxAttempts": 1, "retryableStatusCodes": ["UNAVAILABEL", "OK"], "jitter": 2}"#,
            #"""
            f:6:57: routes[0].retryPolicy.maxAttempts: 1 is outside 2...10
            f:6:85: routes[0].retryPolicy.retryableStatusCodes[0]: "UNAVAILABEL" is not known here
              Did you mean "UNAVAILABLE"? Known: "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED".
            f:6:100: routes[0].retryPolicy.retryableStatusCodes[1]: "OK" is not known here
              Known: "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED".
            f:6:117: routes[0].retryPolicy.jitter: 2 is outside 0.0...1.0
              Write a fraction of the delay, for example 0.2 for ±20 %.
            """#),
        Case(
            #""backend": "grpc://a:1", "retryPolicy": {"initialBackoff": "3s", "budgetPercent": 101, "perAttemptTimeout": "0s"}"#,
            #"""
            f:6:60: routes[0].retryPolicy.initialBackoff: maxBackoff is shorter than initialBackoff
              initialBackoff is 3s, maxBackoff 2s.
            f:6:83: routes[0].retryPolicy.budgetPercent: 101 is outside 0...100
            f:6:109: routes[0].retryPolicy.perAttemptTimeout: "0s" is outside 1ms...8760h
              Write "off" to switch the timer off.
            """#),
        Case(
            #""backend": "grpc://a:1", "cors": {}"#,
            #"""
            f:6:34: routes[0].cors.allowOrigins: is missing
              Write for example ["https://app.example.com"].
            """#),
        Case(
            #""backend": "grpc://a:1", "cors": {"allowOrigins": []}"#,
            #"""
            f:6:51: routes[0].cors.allowOrigins: the list is empty
              Write at least one entry.
            """#),
        Case(
            #""backend": "grpc://a:1", "cors": {"allowOrigins": ["*"], "allowCredentials": true}"#,
            #"""
            f:6:78: routes[0].cors.allowCredentials: credentials for every origin ("*"), which the Fetch standard forbids
              List the origins, or write false.
            """#),
        Case(
            #""backend": "grpc://a:1", "cors": {"allowOrigins": ["*", "https://a/", "null"], "allowHeaders": "all"}"#,
            #"""
            f:6:57: routes[0].cors.allowOrigins[1]: "https://a/" ends with a slash, which no browser sends
              Write "https://a".
            f:6:71: routes[0].cors.allowOrigins[2]: "null" is the origin of every sandboxed frame and local file
              List the real origins, or "*" to take all.
            f:6:96: routes[0].cors.allowHeaders: "all" is not known here
              Known: "requested", a list of names.
            """#),
        Case(
            #""backend": "grpc://a:1", "cors": {"allowOrigins": ["https://a"], "allowHeaders": ["*"], "maxAge": 7200}"#,
            #"""
            f:6:83: routes[0].cors.allowHeaders[0]: "*" is no name of a header field
              Write "requested" in place of the list.
            f:6:99: routes[0].cors.maxAge: 7200 has no unit
              Write "7200s" for seconds or "7200ms" for milliseconds.
            """#),
        Case(
            #""backend": "grpc://a:1", "cors": {"allowOrigins": "*", "allowHeaders": true}"#,
            #"""
            f:6:51: routes[0].cors.allowOrigins: expected a list, found the string "*"
              Lists are written [ … ], one entry or many.
            f:6:72: routes[0].cors.allowHeaders: expected "requested" or a list, found true
              Write "requested", or for example ["x-tenant"].
            """#),
        Case(
            #""backend": "grpc://a:1", "timeouts": {"deadline": "10s", "maxDeadline": "5s", "idle": "off"}"#,
            #"""
            f:6:51: routes[0].timeouts.deadline: deadline is longer than maxDeadline
              deadline is 10s, maxDeadline 5s.
            """#),
        Case(
            #""backend": "grpc://a:1", "maxMessageBytes": "3GiB", "errors": {"detail": "none"}"#,
            #"""
            f:6:45: routes[0].maxMessageBytes: "3GiB" is outside 1B...1GiB
            f:6:74: routes[0].errors.detail: "none" is not known here
              Known: "full", "brief".
            """#),
        Case(
            #""backend": "b", "websocket": {"subprotocols": ["a b"], "allowOrigins": [], "compression": "gzip"}"#,
            #"""
            f:6:48: routes[0].websocket.subprotocols[0]: "a b" is no name of a subprotocol
              Write for example "binary" or "mqtt".
            f:6:72: routes[0].websocket.allowOrigins: the list is empty
              Write at least one entry.
            f:6:91: routes[0].websocket.compression: "gzip" is not known here
              Known: "off", "on", "passthrough".
            """#),
        Case(
            #""backend": "tcp://a:1", "websocket": {"compression": "passthrough"}"#,
            #"""
            f:6:54: routes[0].websocket.compression: "passthrough" is for websocket back-ends; this one speaks tcp
              Write "on": the bridge compresses for the client by itself.
            """#),
        Case(
            #""backend": "ws://a:1", "websocket": {"compression": "passthrough"}, "reconnect": {"mode": "notify"}"#,
            #"""
            f:6:53: routes[0].websocket.compression: "passthrough" with reconnect.mode "notify"
              A new session knows nothing of what was compressed before; write "on".
            """#),
        Case(
            #""backend": "b", "tcp": {"framing": "lines", "halfClose": 1}"#,
            #"""
            f:6:36: routes[0].tcp.framing: "lines" is not known here
              Known: "stream".
            f:6:58: routes[0].tcp.halfClose: expected true or false, found the number 1
              Write true or false, without quotes.
            """#),
        Case(
            #""backend": "udp://a:1", "udp": {"maxDatagramBytes": 65508, "overflow": "close", "idle": "1d"}"#,
            #"""
            f:6:53: routes[0].udp.maxDatagramBytes: 65508 is outside 1B...65507B
            f:6:72: routes[0].udp.overflow: "close" is not known here
              Known: "dropOldest", "dropNewest".
            f:6:89: routes[0].udp.idle: "1d" is not a duration
              The units are h, m, s and ms. Write for example "250ms", "1.5s", "1m30s" or "2h".
            """#),
    ]

    @Test(arguments: wrongOptions)
    func aWrongOptionIsReportedWhereItIsWrong(_ wrong: Case) {
        #expect(complaints(document(route: wrong.text)).joined(separator: "\n") == wrong.problems)
    }
}
