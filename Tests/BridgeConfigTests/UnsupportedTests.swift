// rtbridge: what is in the contract and not in this build.
// SPDX-License-Identifier: Apache-2.0

import Testing

struct UnsupportedTests {
    static let listeners: [Case] = [
        Case(
            #""address": "a:0", "limits": {"maxConnectionsPerClient": 5}"#,
            #"""
            f:2:30: listeners.l.limits.maxConnectionsPerClient: not supported yet
              Leave the key out: this build would not do what it asks for.
            """#),
        Case(
            #""address": "a:0", "tls": {"development": true, "watchFiles": true, "clientAuth": {"mode": "require", "caFile": "ca.pem"}}"#,
            #"""
            f:2:48: listeners.l.tls.watchFiles: not supported yet
              Leave the key out: this build would not do what it asks for.
            f:2:68: listeners.l.tls.clientAuth: not supported yet
              Leave the key out: this build would not do what it asks for.
            """#),
        Case(
            #""address": "a:0", "tls": {"certificates": [{"certFile": "/dev/null", "keyFile": "/dev/null", "ocspFile": "x"}, {"certFile": "/dev/null", "keyFile": "/dev/null", "default": false}]}"#,
            #"""
            f:2:94: listeners.l.tls.certificates[0].ocspFile: not supported yet
              Leave the key out: this build would not do what it asks for.
            f:2:112: listeners.l.tls.certificates[1]: more than one certificate is not supported yet
              Keep one: it is served for every name.
            f:2:173: listeners.l.tls.certificates[1].default: false is not supported yet
              The one certificate is served for every name.
            """#),
    ]

    @Test(arguments: listeners)
    func unbuiltThingsOfListenersAreRefusedByName(_ wrong: Case) {
        #expect(complaints(document(listener: wrong.text)).joined(separator: "\n") == wrong.problems)
    }

    static let routes: [Case] = [
        Case(
            #""backend": "b", "access": {"allowIPs": []}, "rateLimit": {}"#,
            #"""
            f:6:17: routes[0].access: not supported yet
              Leave the key out: this build would not do what it asks for.
            f:6:45: routes[0].rateLimit: not supported yet
              Leave the key out: this build would not do what it asks for.
            """#)
    ]

    @Test(arguments: routes)
    func unbuiltThingsOfRoutesAreRefusedByName(_ wrong: Case) {
        #expect(complaints(document(route: wrong.text)).joined(separator: "\n") == wrong.problems)
    }

    /// What asks for nothing may be written all the same.
    @Test func whatSwitchesAnUnbuiltThingOffIsTaken() throws {
        let listener = #"""
            "address": "127.0.0.1:8080",
            "proxyProtocol": {"// why": 1, "accept": false, "trustedProxies": []}, "limits": {"maxConnectionsPerClient": 0},
            "tls": {"certificates": [{"certFile": "/dev/null", "keyFile": "/dev/null", "ocspFile": null, "default": true}],
                    "clientAuth": {"mode": "none", "caFile": null}, "watchFiles": false}
            """#
        let backend = #"""
            "protocol": "tcp", "endpoints": ["a:1"], "loadBalancing": "roundRobin", "hashOn": null, "tls": null,
            "healthCheck": null, "outlierDetection": null, "circuitBreaker": null, "proxyProtocol": null
            """#
        let route = #"""
            "backend": "b", "match": {"serverNames": []}, "retryPolicy": null, "reconnect": null, "access": null,
            "rateLimit": null, "websocket": {"compression": "off"}, "tcp": {"framing": "stream"}
            """#
        #expect(complaints(document(listener: listener, backend: backend, route: route)) == [])
    }
}
