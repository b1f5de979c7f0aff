// rtbridge: reading the answer of a health endpoint.
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import BridgeServer

struct HealthProbeTests {
    @Test(arguments: [
        ("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nlive\n", 200, "live\n"),
        ("HTTP/1.0 503 Service Unavailable\r\n\r\n", 503, ""),
        ("HTTP/1.1 204\r\n\r\n", 204, ""),
        ("HTTP/1.1 200 OK\ncontent-type: text/plain\n\nnot the lines of HTTP", 200, ""),
        ("HTTP/1.1 200 OK\r\nx: \u{00E9}\u{0301}\r\n\r\n\r\n\r\nbody", 200, "\r\n\r\nbody"),
    ])
    func anAnswerIsReadAsStatusAndBody(_ text: String, _ status: Int, _ body: String) throws {
        let answer = try HealthProbe.parse(text)
        #expect(answer.status == status)
        #expect(answer.body == body)
    }

    @Test(arguments: [
        "", "\r\n\r\n", "HTTP/1.1", "HTTP/1.1 \r\n\r\n", "HTTP/1.1 two hundred\r\n\r\n", "HTTP/2 200\r\n\r\n",
        "SSH-2.0-OpenSSH_9.2\r\n", "HTTP/1.1 99999999999999999999999 OK\r\n\r\n", "\u{FFFD}\u{FFFD}",
    ])
    func whatIsNoAnswerIsAnErrorThatSaysSo(_ text: String) {
        #expect(throws: HealthProbeError.self) { try HealthProbe.parse(text) }
    }
}
