// rtbridge: tests of a handshake with what else is on the thread and on the wire.
// SPDX-License-Identifier: Apache-2.0
import COpenSSL
import NIOCore
import Testing

@testable import NIOOpenSSL

extension HandshakeTests {
    /// SSL_get_error(3) takes any entry of the thread's queue for the last call's.
    @Test(arguments: [TLSVersion.tls12, .tls13])
    func anotherCallsErrorIsNotTheConnections(version: TLSVersion) throws {
        let pair = try Pair(version: version)
        pair.server.owner.onNote = { _, _ in BIO_free(BIO_new_file("/nowhere", "r")) }
        pair.client.owner.onNote = { _, _ in BIO_free(BIO_new_file("/nowhere", "r")) }
        try pair.start()
        for word in ["one ", "two ", "three"] {
            BIO_free(BIO_new_file("/nowhere", "r"))
            _ = pair.client.write(word)
            pair.client.flush()
            for bytes in try pair.client.takeSent() { try pair.server.receive(bytes) }
            BIO_free(BIO_new_file("/nowhere", "r"))
            for bytes in try pair.server.takeSent() { try pair.client.receive(bytes) }
        }
        try pair.pump(.bytes)
        try pair.client.channel.close(mode: .output).wait()
        BIO_free(BIO_new_file("/nowhere", "r"))
        try pair.pump()
        #expect(pair.server.owner.text == "one two three")
        #expect(pair.server.owner.count(.inputClosed) == 1)
        #expect(pair.server.owner.errors + pair.client.owner.errors == [])
    }

    /// While half of a post-handshake message is in, OpenSSL writes nothing.
    @Test func aTicketThatComesInTwoRecordsHoldsWritesUpUntilItIsWhole() throws {
        let name = (0..<4).map { _ in String(repeating: "n", count: 60) }.joined(separator: ".")
        let protocols = [String(repeating: "p", count: 255)]
        var options = TLSClientOptions(alpn: protocols)
        options.verification = .none
        let pair = try Pair(client: options, server: .plain(alpn: protocols), name: name)
        try pair.start()
        // The shortest records that OpenSSL makes; name and protocol make the ticket longer than one.
        SSL_ctrl(pair.server.handler.connection?.ssl, SSL_CTRL_SET_MAX_SEND_FRAGMENT, 512, nil)
        for _ in 0..<2 {
            for bytes in try pair.client.takeSent() { try pair.server.receive(bytes) }
            if pair.server.owner.handshake != nil { break }
            for bytes in try pair.server.takeSent() { try pair.client.receive(bytes) }
        }
        var tickets = try #require(try pair.server.takeSent().first)
        let first = try #require(Record.all(in: [tickets])?.first)
        #expect(first.length == 512 + 17)

        try pair.client.receive(tickets.readSlice(length: 5 + first.length)!)
        let write = pair.client.write("held up")
        let close = pair.client.channel.close(mode: .output)
        #expect(try pair.client.takeSent().isEmpty)
        try pair.client.receive(tickets)
        try write.wait()
        try close.wait()
        try pair.pump()
        #expect(pair.server.owner.text == "held up")
        #expect(pair.server.owner.count(.inputClosed) == 1)
    }
}
