// rtbridge: many exchanges on one connection, watched from both ends.
// SPDX-License-Identifier: Apache-2.0

import BridgeWire
import CNghttp2
import HTTP2Session
import NIOCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The session under test in one role, libnghttp2 in the other, and a seed that says what they do.
final class Traffic {
    /// One request and its response.
    struct Exchange {
        var request: ArraySlice<UInt8>
        var response: ArraySlice<UInt8> = []
        /// What has not arrived yet is left in these.
        var requestLeft: ArraySlice<UInt8>
        var responseLeft: ArraySlice<UInt8> = []
        var requestHasTrailers: Bool
        var responseHasTrailers = false
        var requestTrailers = false
        var responseTrailers = false
        var hasHead = false
        var requestEnded = false
        var responseEnded = false
        /// Somebody has given it up.
        var isReset = false
        /// The response does not wait for the request's end (RFC 9113 §8.1).
        var isEarly = false
        var closings: [String] = []
    }

    let client: any TrafficEnd
    let server: any TrafficEnd
    let subject: SubjectEnd
    let oracle: OracleEnd
    private(set) var exchanges: [UInt32: Exchange] = [:]
    /// What went wrong, in words.
    private(set) var faults: [String] = []
    private var random: SplitMix
    private var stalled: Set<UInt32> = []

    /// Bytes that tell where they are, for bodies to be cut from.
    private static let pattern: [UInt8] = {
        var random = SplitMix(seed: 99)
        return random.bytes(320_000)
    }()

    init(subjectIs role: HTTP2Role, seed: UInt64) {
        random = SplitMix(seed: seed)
        var options = HTTP2Options()
        options.streamWindow = [1000, 16_384, 65_535, 256 * 1024].randomElement(using: &random)!
        options.connectionWindow = [65_535, 1024 * 1024].randomElement(using: &random)!
        options.maxConcurrentStreams = [3, 20, 128].randomElement(using: &random)!
        subject = SubjectEnd(role: role, options: options)
        options.streamWindow = [1000, 16_384, 65_535, 256 * 1024].randomElement(using: &random)!
        oracle = OracleEnd(role: role == .front ? .back : .front, options: options)
        (client, server) = role == .front ? (oracle, subject) : (subject, oracle)
    }

    /// The last stream that the client was told in a GOAWAY.
    var lastTaken: Int32? {
        client === subject ? subject.transcript.goaways.last?.last : oracle.oracle.goaways.last?.last
    }

    // MARK: What happens

    private func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }

    private func body(_ maximum: Int) -> ArraySlice<UInt8> {
        let size = Int.random(
            in: 0...[0, 100, 2000, 2000, 40_000, maximum].randomElement(using: &random)!, using: &random)
        let start = Int.random(in: 0..<20_000, using: &random)
        return Self.pattern[start..<start + size]
    }

    func open() {
        let request = body(300_000)
        guard let id = client.open(request) else { return }
        let exchange = Exchange(
            request: request, requestLeft: request, requestHasTrailers: chance(40), isEarly: chance(8))
        exchanges[id] = exchange
        client.finish(id, trailers: exchange.requestHasTrailers)
    }

    /// A step of everything, in some order.
    func round() throws {
        for _ in 0..<Int.random(in: 0...3, using: &random) where exchanges.count < 60 { open() }
        if chance(15), let id = exchanges.keys.sorted().randomElement(using: &random) { reset(id) }
        if chance(15) { changeSettings([0, 1, 300, 20_000, 65_535, 400_000].randomElement(using: &random)!) }
        if chance(10) { subject.session.ping() }
        if chance(20), let id = exchanges.keys.sorted().randomElement(using: &random) { stalled.insert(id) }
        if chance(20) { stalled = [] }
        try move()
    }

    private func reset(_ id: UInt32) {
        // libnghttp2 resets a request that waits a second time, and its peer ends the connection for it.
        guard exchanges[id]?.isReset == false else { return }
        exchanges[id]?.isReset = true
        // A server can reset what it has heard of.
        if exchanges[id]?.hasHead == true, chance(50) { server.reset(id) } else { client.reset(id) }
    }

    func changeSettings(_ window: UInt32) {
        oracle.oracle.submitSettings([
            (NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, window),
            (NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, [0, 200, 4096].randomElement(using: &random)!),
            (NGHTTP2_SETTINGS_MAX_FRAME_SIZE, [16_384, 30_000].randomElement(using: &random)!),
        ])
    }

    /// - Returns: whether anything moved.
    @discardableResult
    func move() throws -> Bool {
        let forth = try carry(client, server)
        let back = try carry(server, client)
        client.consume { self.stalled.contains($0) }
        server.consume { self.stalled.contains($0) }
        return forth || back
    }

    private func carry(_ from: any TrafficEnd, _ to: any TrafficEnd) throws -> Bool {
        var rest = try from.produce(Int.random(in: 1...60_000, using: &random))[...]
        let hasMoved = !rest.isEmpty
        while !rest.isEmpty {
            let count = chance(30) ? Int.random(in: 1...100, using: &random) : 20_000
            try to.receive(Array(rest.prefix(count)))
            rest = rest.dropFirst(count)
        }
        hear()
        return hasMoved
    }

    /// Until nothing moves any more.
    func settle() throws {
        stalled = []
        var idle = 0
        while idle < 3 { idle = try move() ? 0 : idle + 1 }
    }

    // MARK: What is heard

    private func hear() {
        for line in server.takeLines() { if line.stream != 0 { serverHears(line) } else { faults.append(line.text) } }
        for line in client.takeLines() { if line.stream != 0 { clientHears(line) } else { faults.append(line.text) } }
    }

    private func serverHears(_ line: Transcript.Line) {
        guard var exchange = exchanges[line.stream] else { return faults.append("server: \(line.text)") }
        defer { exchanges[line.stream] = exchange }
        switch line.what {
        case "head":
            exchange.hasHead = true
            exchange.response = body(300_000)
            exchange.responseLeft = exchange.response
            exchange.responseHasTrailers = chance(60)
            server.respond(line.stream, exchange.response)
            if exchange.isEarly { server.finish(line.stream, trailers: exchange.responseHasTrailers) }
        case "body": take(line, from: &exchange.requestLeft)
        case "trailers": exchange.requestTrailers = isRight(line)
        case "ended":
            exchange.requestEnded = true
            if !exchange.isEarly { server.finish(line.stream, trailers: exchange.responseHasTrailers) }
        default: exchange.closings.append("server \(line.what)")
        }
    }

    private func clientHears(_ line: Transcript.Line) {
        guard var exchange = exchanges[line.stream] else { return faults.append("client: \(line.text)") }
        defer { exchanges[line.stream] = exchange }
        switch line.what {
        case "head": if line.fields != [":status: 200"] { faults.append("\(line)") }
        case "body": take(line, from: &exchange.responseLeft)
        case "trailers": exchange.responseTrailers = isRight(line)
        case "ended": exchange.responseEnded = true
        default: exchange.closings.append("client \(line.what)")
        }
    }

    private func take(_ line: Transcript.Line, from left: inout ArraySlice<UInt8>) {
        guard Self.begins(left, with: line.body) else {
            return faults.append("\(line.text): other bytes than were sent")
        }
        left = left.dropFirst(line.body.count)
    }

    /// `starts(with:)`, at the speed of memory in debug builds too.
    private static func begins(_ bytes: ArraySlice<UInt8>, with first: [UInt8]) -> Bool {
        guard bytes.count >= first.count else { return false }
        return bytes.withUnsafeBytes { bytes in
            first.withUnsafeBytes { first in
                guard let left = bytes.baseAddress, let right = first.baseAddress else { return true }
                return memcmp(left, right, first.count) == 0
            }
        }
    }

    private func isRight(_ line: Transcript.Line) -> Bool {
        line.fields == TrafficFields.trailers.map { "\($0.0): \($0.1)" }
    }
}

@available(*, unavailable)
extension Traffic: Sendable {}
