// rtbridge: what is said of wrong listeners.
// SPDX-License-Identifier: Apache-2.0

import Testing

struct ListenerProblemTests {
    static let wrongListeners: [Case] = [
        Case(
            #""#,
            #"""
            f:1:21: listeners.l.address: is missing
              Write for example "address": "0.0.0.0:8443".
            """#),
        Case(
            #""address": 8443"#,
            #"""
            f:2:12: listeners.l.address: expected an address, found the number 8443
              Write for example "0.0.0.0:8443" or "[::]:8443".
            """#),
        Case(
            #""address": null"#,
            #"""
            f:2:12: listeners.l.address: expected an address, found null
              Write for example "0.0.0.0:8443" or "[::]:8443".
            """#),
        Case(
            #""address": "8443""#,
            #"""
            f:2:12: listeners.l.address: "8443" is a port without a host
              Write for example "0.0.0.0:8443" or "[::]:8443".
            """#),
        Case(
            #""address": "a:0", "adress": 1"#,
            #"""
            f:2:19: listeners.l.adress: unknown key
              Did you mean "address"? Known keys: address, limits, protocols, proxyProtocol, socketMode, tls.
            """#),
        Case(
            #""address": "a:0", "protocols": []"#,
            #"""
            f:2:32: listeners.l.protocols: the list is empty
              Write at least one entry.
            """#),
        Case(
            #""address": "a:0", "protocols": ["h2", "h2"]"#,
            #"""
            f:2:39: listeners.l.protocols[1]: stands in the list twice
              Remove one of the two.
            """#),
        Case(
            #""address": "a:0", "protocols": "h2""#,
            #"""
            f:2:32: listeners.l.protocols: expected a list, found the string "h2"
              Lists are written [ … ], one entry or many.
            """#),
        Case(
            #""address": "a:0", "protocols": ["h3", "udpp"]"#,
            #"""
            f:2:33: listeners.l.protocols[0]: "h3" is not known here
              Did you mean "h2"? Known: "h2", "http/1.1", "tcp", "udp".
            f:2:39: listeners.l.protocols[1]: "udpp" is not known here
              Did you mean "udp"? Known: "h2", "http/1.1", "tcp", "udp".
            """#),
        Case(
            #""address": "a:0", "protocols": ["udp", "tcp"]"#,
            #"""
            f:2:32: listeners.l.protocols: "udp" stands beside "tcp"
              Give each a listener of its own.
            """#),
        Case(
            #""address": "unix:/x", "protocols": ["udp"], "tls": {"development": true}, "proxyProtocol": {"accept": true}"#,
            #"""
            f:2:12: listeners.l.address: udp has no Unix sockets
              Write a host and a port.
            f:2:52: listeners.l.tls: udp listeners have no TLS
              Leave the key out.
            f:2:92: listeners.l.proxyProtocol: udp listeners take no PROXY header: it belongs to a connection, and UDP has none
              Leave the key out.
            """#),
        Case(
            #""address": "a:0", "tls": {}"#,
            #"""
            f:2:26: listeners.l.tls: there is no certificate
              Write "development": true to try things out, or "certificates": [{ "certFile": …, "keyFile": … }].
            """#),
        Case(
            #""address": "a:0", "tls": {"certificates": []}"#,
            #"""
            f:2:43: listeners.l.tls.certificates: there is no certificate
              Write "development": true to try things out, or "certificates": [{ "certFile": …, "keyFile": … }].
            """#),
        Case(
            #""address": "a:0", "tls": {"development": "true"}"#,
            #"""
            f:2:42: listeners.l.tls.development: expected true or false, found the string "true"
              Write true or false, without quotes.
            """#),
        Case(
            #""address": "a:0", "tls": {"development": true, "certificates": [{"certFile": "/dev/null", "keyFile": "/dev/null"}]}"#,
            #"""
            f:2:42: listeners.l.tls.development: a development certificate beside certificates
              Remove one of the two.
            """#),
        Case(
            #""address": "a:0", "tls": {"certificates": [{"certFile": "/dev/null"}]}"#,
            #"""
            f:2:44: listeners.l.tls.certificates[0].keyFile: is missing
              Write for example "keyFile": "api.key".
            """#),
        Case(
            #""address": "a:0", "tls": {"certificates": [{"certFile": "no.pem", "keyFile": "/dev"}]}"#,
            #"""
            f:2:57: listeners.l.tls.certificates[0].certFile: "no.pem" cannot be read: No such file or directory
              Relative paths start at the folder of the configuration file.
            f:2:78: listeners.l.tls.certificates[0].keyFile: "/dev" is a directory
            """#),
        Case(
            #""address": "a:0", "tls": {"development": true, "minVersion": "1.1", "cipherSuites": [], "groups": ["X25519:P-256"]}"#,
            #"""
            f:2:62: listeners.l.tls.minVersion: "1.1" is not known here
              Did you mean "1.2"? Known: "1.2", "1.3".
            f:2:85: listeners.l.tls.cipherSuites: the list is empty
              Write at least one entry.
            f:2:100: listeners.l.tls.groups[0]: "X25519:P-256" is not one name in OpenSSL's spelling
              Write one name an entry of the list.
            """#),
        Case(
            #""address": "a:0", "limits": {"maxConnections": 0, "maxHeaderBytes": "64KB", "headerTimeout": 10, "idleTimeout": "0s", "maxConcurrentStreams": 1e3}"#,
            #"""
            f:2:48: listeners.l.limits.maxConnections: 0 is outside 1...10000000
            f:2:69: listeners.l.limits.maxHeaderBytes: "64KB" has a unit that means 1000 to some and 1024 to others
              Write "64KiB".
            f:2:94: listeners.l.limits.headerTimeout: 10 has no unit
              Write "10s" for seconds or "10ms" for milliseconds.
            f:2:113: listeners.l.limits.idleTimeout: "0s" is outside 1ms...8760h
              Write "off" to switch the timer off.
            f:2:143: listeners.l.limits.maxConcurrentStreams: 1e3 is not written as a whole number
              Write digits alone, for example 1.
            """#),
        Case(
            #""address": "a:0", "limits": {"maxConnections": "1", "maxHeaderBytes": 12.5, "headerTimeout": true, "idleTimeout": "9999h"}"#,
            #"""
            f:2:48: listeners.l.limits.maxConnections: expected a whole number, found the string "1"
              Write for example 1.
            f:2:71: listeners.l.limits.maxHeaderBytes: 12.5 is not a whole number of bytes
              Write for example "64KiB", "4MiB", or a whole number of bytes.
            f:2:94: listeners.l.limits.headerTimeout: expected a duration, found true
              Write for example "250ms", "1.5s", "1m30s" or "2h".
            f:2:115: listeners.l.limits.idleTimeout: "9999h" is outside 1ms...8760h
            """#),
        Case(
            #""address": "a:0", "limits": {"maxHeaderBytes": 12, "maxConnections": 99999999999999999999}"#,
            #"""
            f:2:48: listeners.l.limits.maxHeaderBytes: 12 is outside 1KiB...16MiB
            f:2:70: listeners.l.limits.maxConnections: 99999999999999999999 is outside 1...10000000
            """#),
    ]

    @Test(arguments: wrongListeners)
    func aWrongListenerIsReportedWhereItIsWrong(_ wrong: Case) {
        #expect(complaints(document(listener: wrong.text)).joined(separator: "\n") == wrong.problems)
    }
}
