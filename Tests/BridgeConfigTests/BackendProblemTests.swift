// rtbridge: what is said of wrong back-ends.
// SPDX-License-Identifier: Apache-2.0

import Testing

struct BackendProblemTests {
    static let wrongBackends: [Case] = [
        Case(
            #""#,
            #"""
            f:3:23: backends.b.protocol: is missing
              Write "grpc", "tcp", "udp", "websocket" or "http".
            f:3:23: backends.b.endpoints: is missing
              Write for example "endpoints": ["10.0.0.11:50051"].
            """#),
        Case(
            #""protocol": "grcp", "endpoints": []"#,
            #"""
            f:4:13: backends.b.protocol: "grcp" is not known here
              Did you mean "grpc"? Known: "grpc", "tcp", "udp", "websocket", "http".
            f:4:34: backends.b.endpoints: the list is empty
              Write at least one entry.
            """#),
        Case(
            #""protocol": "grpc", "endpoints": ["grpc://a:1", "a", "b:0", "c:1", "c:1"]"#,
            #"""
            f:4:35: backends.b.endpoints[0]: "grpc://a:1" is a URL
              Write the host and the port alone, without a scheme.
            f:4:49: backends.b.endpoints[1]: "a" has no port
              Write for example "10.0.0.11:50051".
            f:4:54: backends.b.endpoints[2]: "b:0" has a port outside 1...65535
            f:4:68: backends.b.endpoints[4]: stands in the list twice
              Remove one of the two.
            """#),
        Case(
            #""protocol": "tcp", "adresses": ["a:1"]"#,
            #"""
            f:3:23: backends.b.endpoints: is missing
              Write for example "endpoints": ["10.0.0.11:50051"].
            f:4:20: backends.b.adresses: unknown key
              Did you mean "endpoints"? Known keys: backoff, circuitBreaker, dnsRefresh, endpoints, hashOn, healthCheck, keepalive, loadBalancing, outlierDetection, protocol, proxyProtocol, timeouts, tls.
            """#),
        Case(
            #""protocol": "tcp", "endpoints": "a:1""#,
            #"""
            f:4:33: backends.b.endpoints: expected a list, found the string "a:1"
              Lists are written [ … ], one entry or many.
            """#),
        Case(
            #""protocol": "grpc", "endpoints": ["a:1"], "loadBalancing": "roundrobin""#,
            #"""
            f:4:60: backends.b.loadBalancing: "roundrobin" is not known here
              Did you mean "roundRobin"? Known: "roundRobin", "leastRequest", "random", "hash".
            """#),
        Case(
            #""protocol": "grpc", "endpoints": ["a:1"], "loadBalancing": "hash""#,
            #"""
            f:4:60: backends.b.loadBalancing: "hash" needs hashOn
              Write for example "hashOn": "header:x-user", "cookie:session" or "clientIP".
            """#),
        Case(
            #""protocol": "grpc", "endpoints": ["a:1"], "hashOn": "clientIP""#,
            #"""
            f:4:53: backends.b.hashOn: has no effect without hash
              Write "loadBalancing": "hash" as well.
            """#),
        Case(
            #""protocol": "grpc", "endpoints": ["a:1"], "loadBalancing": "hash", "hashOn": "header x""#,
            #"""
            f:4:78: backends.b.hashOn: "header x" is nothing that a hash can look at
              Write "header:NAME", "cookie:NAME" or "clientIP".
            """#),
        Case(
            #""protocol": "grpc", "endpoints": ["a:1"], "loadBalancing": "hash", "hashOn": "cookie:a b""#,
            #"""
            f:4:78: backends.b.hashOn: "cookie:a b" has no name of a cookie in it
              Write "header:NAME", "cookie:NAME" or "clientIP".
            """#),
        Case(
            #""protocol": "tcp", "endpoints": ["a:1"], "healthCheck": {"type": "grpc"}, "keepalive": {"interval": "5s"}"#,
            #"""
            f:4:66: backends.b.healthCheck.type: only grpc back-ends are asked by gRPC
              Write "tcp" or "http".
            f:4:101: backends.b.keepalive.interval: "5s" is outside 10s...8760h
            """#),
        Case(
            #""protocol": "grpc", "endpoints": ["a:1"], "healthCheck": {"type": "tcp", "path": "/x", "service": "s"}"#,
            #"""
            f:4:82: backends.b.healthCheck.path: is looked at by http alone
              Leave it out, or write "type": "http".
            f:4:99: backends.b.healthCheck.service: is asked for by grpc alone
              Leave it out, or write "type": "grpc".
            """#),
        Case(
            #""protocol": "grpc", "endpoints": ["a:1"], "healthCheck": {"type": "http", "expectStatus": "299-200", "unhealthyThreshold": 0}"#,
            #"""
            f:4:91: backends.b.healthCheck.expectStatus: "299-200" ends before it begins
              Write for example "200" or "200-299".
            f:4:124: backends.b.healthCheck.unhealthyThreshold: 0 is outside 1...100
            """#),
        Case(
            #""protocol": "grpc", "endpoints": ["a:1"], "outlierDetection": {"baseEjectionTime": "10m", "maxEjectionPercent": 101}, "circuitBreaker": {"maxRequests": 0}"#,
            #"""
            f:4:84: backends.b.outlierDetection.baseEjectionTime: maxEjectionTime is shorter than baseEjectionTime
              baseEjectionTime is 10m, maxEjectionTime 5m.
            f:4:113: backends.b.outlierDetection.maxEjectionPercent: 101 is outside 0...100
            f:4:153: backends.b.circuitBreaker.maxRequests: 0 is outside 1...10000000
            """#),
        Case(
            #""protocol": "tcp", "endpoints": ["unix:", "unix:x", "unix:/x/"]"#,
            #"""
            f:4:34: backends.b.endpoints[0]: "unix:" has no absolute path
              Write for example "unix:/run/service.sock".
            f:4:43: backends.b.endpoints[1]: "unix:x" has no absolute path
              Write for example "unix:/run/service.sock".
            f:4:53: backends.b.endpoints[2]: "unix:/x/" names no file
              Write for example "unix:/run/service.sock".
            """#),
        Case(
            #""protocol": "udp", "endpoints": ["unix:/x"]"#,
            #"""
            f:4:33: backends.b.endpoints: udp has no Unix sockets
              Write a host and a port.
            """#),
        Case(
            #""protocol": "udp", "endpoints": ["a:1"], "tls": {}"#,
            #"""
            f:4:49: backends.b.tls: udp back-ends have no TLS
              Leave the key out.
            """#),
        Case(
            #""protocol": "tcp", "endpoints": ["a:1"], "tls": {"servername": "*.a", "serverName": "*.a", "keyFile": "/dev/null", "verify": 1}"#,
            #"""
            f:4:50: backends.b.tls.servername: unknown key
              Did you mean "serverName"? Known keys: caFile, certFile, keyFile, serverName, verify.
            f:4:85: backends.b.tls.serverName: "*.a" has a host that is no name or IP address
            f:4:103: backends.b.tls.keyFile: a key without its certificate
              Write "certFile" as well.
            f:4:126: backends.b.tls.verify: expected true or false, found the number 1
              Write true or false, without quotes.
            """#),
        Case(
            #""protocol": "tcp", "endpoints": ["a:1"], "tls": {"verify": false, "caFile": "/dev/null"}"#,
            #"""
            f:4:77: backends.b.tls.caFile: has no effect with verify false
              Remove one of the two.
            """#),
        Case(
            #""protocol": "grpc", "endpoints": ["a:1"], "timeouts": {"connect": "off"}"#,
            #"""
            f:4:67: backends.b.timeouts.connect: "off" is not possible here
              Write a duration in 1ms...8760h.
            """#),
        Case(
            #""protocol": "grpc", "endpoints": ["a:1"], "backoff": {"initial": "0s", "multiplier": 0.5, "jitter": 1.5, "max": 5}"#,
            #"""
            f:4:66: backends.b.backoff.initial: "0s" is outside 1ms...8760h
            f:4:86: backends.b.backoff.multiplier: 0.5 is outside 1.0...1000.0
            f:4:101: backends.b.backoff.jitter: 1.5 is outside 0.0...1.0
              Write a fraction of the delay, for example 0.2 for ±20 %.
            f:4:113: backends.b.backoff.max: 5 has no unit
              Write "5s" for seconds or "5ms" for milliseconds.
            """#),
        Case(
            #""protocol": "grpc", "endpoints": ["a:1"], "backoff": {"initial": "5m", "multiplier": "x", "jitter": "none"}"#,
            #"""
            f:4:66: backends.b.backoff.initial: max is shorter than initial
              initial is 5m, max 2m.
            f:4:86: backends.b.backoff.multiplier: expected a number, found the string "x"
              Write for example 1.6.
            f:4:101: backends.b.backoff.jitter: "none" is not known here
              Known: "full", "equal", "decorrelated", a fraction such as 0.2.
            """#),
        Case(
            #""protocol": "grpc", "endpoints": ["a:1"], "backoff": {"initial": "5m", "max": "1s", "jitter": null}"#,
            #"""
            f:4:79: backends.b.backoff.max: max is shorter than initial
              initial is 5m, max 1s.
            f:4:95: backends.b.backoff.jitter: expected a fraction or a word, found null
              Write 0.2, "full", "equal" or "decorrelated".
            """#),
    ]

    @Test(arguments: wrongBackends)
    func aWrongBackEndIsReportedWhereItIsWrong(_ wrong: Case) {
        #expect(complaints(document(backend: wrong.text)).joined(separator: "\n") == wrong.problems)
    }
}
