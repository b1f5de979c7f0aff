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

    @Test(arguments: [TLSVersion.tls12, .tls13])
    func anotherCallsErrorIsNoFailureOfARecordThatIsCut(_ version: TLSVersion) throws {
        let pair = try Pair.connected(version: version)
        _ = pair.client.write("hello")
        pair.client.flush()
        var record = try #require(try pair.client.takeSent().first)
        BIO_free(BIO_new_file("/nowhere", "r"))
        // A part of a record makes OpenSSL stop for want of the rest.
        let start = record.readSlice(length: 9)
        try pair.server.receive(try #require(start))
        BIO_free(BIO_new_file("/nowhere", "r"))
        try pair.server.receive(record)
        #expect(pair.server.owner.text == "hello")
        BIO_free(BIO_new_file("/nowhere", "r"))
        pair.client.channel.close(mode: .output, promise: nil)
        try pair.pump()
        #expect(pair.server.owner.count(.inputClosed) == 1)
        #expect(pair.server.owner.errors.isEmpty)
    }

    /// A pair whose client has the first of the two records of a ticket, and the other.
    private func pairWithHalfATicket() throws -> (pair: Pair, rest: ByteBuffer) {
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
        BIO_free(BIO_new_file("/nowhere", "r"))
        try pair.client.receive(tickets.readSlice(length: 5 + first.length)!)
        return (pair, tickets)
    }

    /// While half of a post-handshake message is in, OpenSSL writes nothing.
    @Test func aTicketThatComesInTwoRecordsHoldsWritesUpUntilItIsWhole() throws {
        let (pair, rest) = try pairWithHalfATicket()
        BIO_free(BIO_new_file("/nowhere", "r"))
        let write = pair.client.write("held up")
        let close = pair.client.channel.close(mode: .output)
        #expect(try pair.client.takeSent().isEmpty)
        try pair.client.receive(rest)
        try write.wait()
        try close.wait()
        try pair.pump()
        #expect(pair.server.owner.text == "held up")
        #expect(pair.server.owner.count(.inputClosed) == 1)
    }

    /// There OpenSSL says that it waits for bytes, and has failed all the same.
    @Test func aBrokenRecordInsideATicketIsAFailure() throws {
        let (pair, rest) = try pairWithHalfATicket()
        var spoilt = Array(buffer: rest)
        spoilt[20] ^= 1
        try pair.client.receive(ByteBuffer(bytes: spoilt))
        #expect(pair.client.owner.errors.map(\.kind) == [.protocolViolation])
    }

    @Test func theServersAlertInsideATicketIsTold() throws {
        let (pair, _) = try pairWithHalfATicket()
        // A record that the server cannot open.
        try pair.server.receive(ByteBuffer(bytes: [23, 3, 3, 0, 20] + Array(repeating: 0, count: 20)))
        for bytes in try pair.server.takeSent() { try pair.client.receive(bytes) }
        #expect(pair.client.owner.errors.count == 1)
    }
}
