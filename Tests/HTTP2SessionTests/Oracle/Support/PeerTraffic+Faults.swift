// rtbridge: what a peer may not say.
// SPDX-License-Identifier: Apache-2.0

import HTTP2Session

extension PeerTraffic {
    /// An operation that breaks a rule, or may do so.
    mutating func fault() -> [UInt8] {
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<45: return malformedMessage()
        case 45..<70: return frameOnSomeStream()
        case 70..<80: return wrongLength()
        case 80..<88: return wrongSettings()
        default: return randomFrame()
        }
    }

    private mutating func malformedMessage() -> [UInt8] {
        if chance(25) { return wrongLengthOfContent() }
        if chance(25) {
            // Trailers without an end, with pseudo-header fields, or none at all.
            let fields = pick([
                [("x", "1")], [(":status", "200")], [(":path", "/")], [("UP", "1")], [("connection", "x")],
            ])
            return headers(openStream(), fields, end: chance(50))
        }
        return headers(freshStream(), spoil(goodHead()), end: chance(50))
    }

    private func goodHead() -> [(String, String)] { role == .front ? RawFrame.request : [(":status", "200")] }

    private mutating func spoil(_ good: [(String, String)]) -> [(String, String)] {
        var fields = good
        let place = Int.random(in: 0..<fields.count, using: &random)
        switch Int.random(in: 0..<9, using: &random) {
        case 0: fields.remove(at: place)
        case 1: fields.append(fields[place])
        case 2: fields.insert(("x-early", "1"), at: place)
        case 3: fields[place].1 = pick(["", " ", "x", "*", "/", "GE T", "2000", "101", "099", "a\u{0}b", "ht tp"])
        case 4: fields[place].0 = pick([":unknown", ":", ":Path", ":protocol", ":status", ":path"])
        case 5: fields += [pick([("connection", "x"), ("upgrade", "h2c"), ("te", "gzip"), ("transfer-encoding", "y")])]
        case 6: fields += [pick([("Upper", "1"), ("sp ace", "1"), ("col:on", "1"), ("", "1"), ("nul\u{0}", "1")])]
        case 7: fields += [("x", pick(["a\u{0}", "a\r\n", " a", "a ", "\ta", "a\u{1}b", "\u{7F}"]))]
        default:
            fields = pick([[], [("x", "1")], [(":status", "204")], [(":method", "CONNECT"), (":authority", "a")]])
        }
        return fields
    }

    private mutating func wrongLengthOfContent() -> [UInt8] {
        let id = freshStream()
        let length = pick(["0", "3", "5", "-1", "", "5x", "99999999999999999999"])
        var all = headers(id, goodHead() + [("content-length", length)], end: chance(20))
        for _ in 0..<Int.random(in: 0...3, using: &random) {
            let text = Array("abc".utf8.prefix(Int.random(in: 0...3, using: &random)))
            all += RawFrame.make(.data, flags: chance(40) ? RawFrame.endStream : 0, stream: id, text)
        }
        return all
    }

    private mutating func anyStream() -> UInt32 {
        switch Int.random(in: 0..<10, using: &random) {
        case 0..<6: usedStream()
        case 6: 0
        case 7: 2
        default: .random(in: 1...300, using: &random)
        }
    }

    private mutating func frameOnSomeStream() -> [UInt8] {
        let id = anyStream()
        switch Int.random(in: 0..<8, using: &random) {
        case 0, 1, 2: return dataFrame(id)
        case 3: return id == 0 ? RawFrame.make(.headers, flags: 4) : headers(id, goodHead(), end: chance(50))
        case 4: return RawFrame.make(.rstStream, stream: id, RawFrame.bigEndian(8))
        case 5:
            return RawFrame.make(.windowUpdate, stream: id, RawFrame.bigEndian(pick([0, 1, 0x7FFF_FFFF, 0x8000_0001])))
        case 6: return RawFrame.make(.priority, stream: id, RawFrame.bigEndian(pick([0, id])) + [1])
        default: return RawFrame.make(.continuation, flags: 4, stream: id, [])
        }
    }

    private mutating func wrongLength() -> [UInt8] {
        let kind: RawFrame.Kind = pick([.priority, .rstStream, .settings, .ping, .goaway, .windowUpdate, .pushPromise])
        let isOfConnection = [.settings, .ping, .goaway].contains(kind)
        let stream = isOfConnection && chance(80) ? 0 : openStream()
        return RawFrame.make(
            kind, flags: pick([0, 0, 1, 4]), stream: stream, random.bytes(pick([0, 1, 3, 4, 5, 7, 8, 9])))
    }

    private mutating func wrongSettings() -> [UInt8] {
        if chance(20) { return RawFrame.make(.settings, flags: 1, chance(50) ? [] : [0, 1, 0, 0, 0, 0]) }
        let pool: [(UInt16, UInt32)] = [
            (2, 1), (2, 2), (4, 0x8000_0000), (4, 0x7FFF_FFFF), (5, 16_383), (5, 0x100_0000), (8, 1), (8, 2), (9, 1),
            (9, 2),
        ]
        return RawFrame.settings([pick(pool)])
    }

    private mutating func randomFrame() -> [UInt8] {
        let kind = RawFrame.Kind(rawValue: .random(in: 0...9, using: &random)) ?? .data
        return RawFrame.make(
            kind, flags: .random(in: 0...255, using: &random) & pick([0x0D, 0x2D, 0xFF]), stream: anyStream(),
            random.bytes(.random(in: 0...40, using: &random)))
    }

    // MARK: Mutation

    /// A valid operation, changed in one or two places.
    mutating func mutate(_ valid: [UInt8]) -> [UInt8] {
        var bytes = valid
        for _ in 0..<Int.random(in: 1...2, using: &random) where !bytes.isEmpty {
            // The header's bytes are hit as often as the many of a payload.
            let end = chance(50) ? min(9, bytes.count) : bytes.count
            let place = Int.random(in: 0..<end, using: &random)
            switch Int.random(in: 0..<6, using: &random) {
            case 0: bytes[place] = UInt8(truncatingIfNeeded: random.next())
            case 1, 2: bytes[place] ^= 1 << UInt8.random(in: 0...7, using: &random)
            case 3: bytes.remove(at: place)
            case 4: bytes.insert(UInt8(truncatingIfNeeded: random.next()), at: place)
            default: bytes.removeLast(Int.random(in: 1...min(bytes.count, 12), using: &random))
            }
        }
        return bytes
    }
}
