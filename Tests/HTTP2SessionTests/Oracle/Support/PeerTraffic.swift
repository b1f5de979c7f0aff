// rtbridge: what a peer may say, valid for the most part.
// SPDX-License-Identifier: Apache-2.0

import HTTP2Session

/// Makes up a peer's frames, one operation after the other, from a seed.
struct PeerTraffic {
    let role: HTTP2Role
    var random: SplitMix
    let deflater = OracleDeflater()
    /// How many operations of a hundred break a rule.
    let faults: Int
    /// Streams that the peer still may send on, and whether it has sent their head.
    private var open: [UInt32: Bool] = [:]
    private var seen: [UInt32] = []
    private var next: UInt32 = 1

    /// - Parameter role: the session's, not the peer's.
    /// - Parameter isValid: no operation breaks a rule.
    init(role: HTTP2Role, seed: UInt64, calls: [UInt32] = [], isValid: Bool = false) {
        self.role = role
        random = SplitMix(seed: seed)
        faults = isValid ? 0 : [0, 2, 8, 25].randomElement(using: &random)!
        for call in calls { open[call] = false }
        seen = calls
    }

    mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }

    mutating func pick<Element>(_ elements: [Element]) -> Element { elements.randomElement(using: &random)! }

    /// The bytes of one operation, which may be several frames.
    mutating func operation() -> [UInt8] {
        guard chance(faults) else { return valid() }
        if chance(50) { return fault() }
        return mutate(valid())
    }

    // MARK: Valid

    private mutating func valid() -> [UInt8] {
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<35: head()
        case 35..<65: data()
        case 65..<72: trailers()
        case 72..<76: reset()
        case 76..<83: windowUpdate()
        case 83..<87: settings()
        case 87..<91: RawFrame.make(.ping, flags: chance(20) ? 1 : 0, random.bytes(8))
        case 91..<95: priority()
        case 95..<99: unknown()
        default: goaway()
        }
    }

    /// A block in HEADERS and as many CONTINUATION frames as chance will have.
    mutating func headers(_ stream: UInt32, _ fields: [(String, String)], end: Bool) -> [UInt8] {
        if chance(3) { deflater.setPeerTableLimit(pick([0, 100, 4096])) }
        var block = deflater.encode(fields)[...]
        var flags = end ? RawFrame.endStream : 0
        var payload: [UInt8] = []
        let padding = chance(15) ? Int.random(in: 0...255, using: &random) : nil
        if let padding {
            flags |= RawFrame.padded
            payload.append(UInt8(padding))
        }
        if chance(15) {
            flags |= RawFrame.priority
            payload += RawFrame.bigEndian(stream - 1) + [UInt8.random(in: 0...255, using: &random)]
        }
        let pieces = chance(20) ? Int.random(in: 1...4, using: &random) : 0
        let first = pieces == 0 ? block.count : Int.random(in: 0...block.count, using: &random)
        payload += block.prefix(first) + Array(repeating: 0, count: padding ?? 0)
        block = block.dropFirst(first)
        var all = RawFrame.make(
            .headers, flags: flags | (pieces == 0 ? RawFrame.endHeaders : 0), stream: stream, payload)
        for piece in 0..<pieces {
            let isLast = piece == pieces - 1
            let count = isLast ? block.count : Int.random(in: 0...block.count, using: &random)
            all += RawFrame.make(
                .continuation, flags: isLast ? RawFrame.endHeaders : 0, stream: stream, Array(block.prefix(count)))
            block = block.dropFirst(count)
        }
        return all
    }

    mutating func someFields() -> [(String, String)] {
        let pool = [
            ("content-type", "application/grpc"), ("te", "trailers"), ("user-agent", "test/1.0 (x; y)"),
            ("x-request-id", "\(random.next())"), ("grpc-timeout", "10S"), ("cookie", "a=b; c=d"), ("x-empty", ""),
            ("accept", "*/*"), ("x-bin", "AAECAwQ="), ("x-long", String(repeating: "long ", count: 60) + "."),
        ]
        return (0..<Int.random(in: 0...5, using: &random)).map { _ in pick(pool) }
    }

    private mutating func head() -> [UInt8] {
        switch role {
        case .front:
            let id = next
            next += chance(90) ? 2 : 6
            seen.append(id)
            let end = chance(30)
            if !end { open[id] = true }
            let path = pick(["/", "/call", "/package.Service/Method", "/a?b=c", "/\(random.next())"])
            let fields = [
                (":method", pick(["GET", "POST", "PUT"])), (":scheme", pick(["http", "https"])), (":path", path),
                (":authority", pick(["test", "example.com:8080", "[::1]"])),
            ]
            return headers(id, fields + someFields(), end: end)
        case .back:
            guard let id = open.filter({ !$0.value }).keys.sorted().randomElement(using: &random) else { return data() }
            if chance(15) { return headers(id, [(":status", pick(["100", "103"]))] + someFields(), end: false) }
            let end = chance(20)
            open[id] = end ? nil : true
            return headers(id, [(":status", pick(["200", "404", "500", "302"]))] + someFields(), end: end)
        }
    }

    private mutating func speaking() -> UInt32? { open.filter(\.value).keys.sorted().randomElement(using: &random) }

    private mutating func data() -> [UInt8] {
        guard let id = speaking() else { return role == .front ? head() : settings() }
        let end = chance(15)
        if end { open[id] = nil }
        return body(id, end: end)
    }

    private mutating func body(_ id: UInt32, end: Bool) -> [UInt8] {
        var payload = random.bytes(chance(80) ? Int.random(in: 0...60, using: &random) : pick([0, 700, 3000]))
        var flags = end ? RawFrame.endStream : 0
        if chance(20) {
            flags |= RawFrame.padded
            let padding = Int.random(in: 0...255, using: &random)
            payload = [UInt8(padding)] + payload + Array(repeating: 0, count: padding)
        }
        return RawFrame.make(.data, flags: flags, stream: id, payload)
    }

    private mutating func trailers() -> [UInt8] {
        guard let id = speaking() else { return data() }
        open[id] = nil
        return headers(id, [("grpc-status", "0")] + someFields().filter { $0.0 != "te" }, end: true)
    }

    private mutating func reset() -> [UInt8] {
        guard let id = speaking() else { return data() }
        open[id] = nil
        return RawFrame.make(.rstStream, stream: id, RawFrame.bigEndian(pick([0, 2, 7, 8, 0xFFFF])))
    }

    private mutating func windowUpdate() -> [UInt8] {
        let id = chance(40) ? 0 : seen.randomElement(using: &random) ?? 0
        return RawFrame.make(.windowUpdate, stream: id, RawFrame.bigEndian(.random(in: 1...5000, using: &random)))
    }

    private mutating func settings() -> [UInt8] {
        let pool: [(UInt16, UInt32)] = [
            (1, 0), (1, 100), (1, 4096), (1, 100_000), (3, 0), (3, 100), (4, 0), (4, 1000), (4, 1_000_000), (5, 16_384),
            (5, 100_000), (6, 100), (6, 65_536), (0xF00, 9),
        ]
        return RawFrame.settings((0..<Int.random(in: 0...4, using: &random)).map { _ in pick(pool) })
    }

    private mutating func priority() -> [UInt8] {
        let id = UInt32.random(in: 1...40, using: &random)
        return RawFrame.make(.priority, stream: id, RawFrame.bigEndian(id ^ 64) + [7])
    }

    private mutating func unknown() -> [UInt8] {
        var frame = RawFrame.make(
            .ping, flags: UInt8.random(in: 0...255, using: &random), stream: .random(in: 0...20, using: &random),
            random.bytes(Int.random(in: 0...30, using: &random)))
        frame[3] = pick([0xB, 0x16, 0x7F, 0xFE])
        return frame
    }

    private mutating func goaway() -> [UInt8] {
        // After it a session may be over.
        guard faults > 0, chance(30) else { return settings() }
        // No odd number is lower than any stream's, so none above it are lost.
        return RawFrame.make(
            .goaway, RawFrame.bigEndian(0x7FFF_FFFF) + RawFrame.bigEndian(pick([0, 2])) + random.bytes(3))
    }

    // MARK: For faults

    mutating func freshStream() -> UInt32 {
        switch role {
        case .front:
            defer { next += 2 }
            seen.append(next)
            return next
        case .back: return open.filter { !$0.value }.keys.sorted().randomElement(using: &random) ?? pick(seen)
        }
    }

    /// One that was used before, whatever has become of it.
    mutating func usedStream() -> UInt32 { seen.randomElement(using: &random) ?? 1 }

    mutating func openStream() -> UInt32 { speaking() ?? usedStream() }

    mutating func dataFrame(_ id: UInt32) -> [UInt8] { body(id, end: chance(30)) }
}
