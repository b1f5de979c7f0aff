// rtbridge: blocks of fields as no connection has them.
// SPDX-License-Identifier: Apache-2.0

@testable import HTTP2Session

/// Fields with names and values that come again, half of the time, so that tables fill, hit and evict.
struct HPACKRandomFields {
    var random: SplitMix
    private var earlier: [HPACKField] = []

    init(seed: UInt64) { random = SplitMix(seed: seed) }

    private static let names = [
        ":method", ":scheme", ":path", ":authority", ":status", "content-type", "te", "user-agent",
        "accept-encoding", "authorization", "cookie", "set-cookie", "grpc-status", "grpc-message", "grpc-timeout",
        "date", "content-length",
        "x-a", "x-b", "proxy-authorization", "www-authenticate", "access-control-allow-origin",
    ]
    private static let values = [
        "", "GET", "POST", "PUT", "http", "https", "/", "/index.html", "200", "404", "302", "application/grpc",
        "trailers", "gzip, deflate", "identity", "0", "13", "a=b",
    ]

    mutating func block() -> [HPACKField] {
        (0..<Int.random(in: 0...12, using: &random)).map { _ in field() }
    }

    private mutating func field() -> HPACKField {
        if let known = earlier.randomElement(using: &random), Bool.random(using: &random) { return known }
        var made = HPACKField(name(), value())
        if let known = earlier.randomElement(using: &random), Int.random(in: 0..<4, using: &random) == 0 {
            made.name = known.name
        }
        if earlier.count < 200 {
            earlier.append(made)
        } else {
            earlier[Int.random(in: 0..<200, using: &random)] = made
        }
        return made
    }

    private mutating func name() -> [UInt8] {
        if Bool.random(using: &random) { return Array((Self.names.randomElement(using: &random) ?? "").utf8) }
        return (0..<Int.random(in: 1...40, using: &random)).map { _ in UInt8.random(in: 0x61...0x7A, using: &random) }
    }

    private mutating func value() -> [UInt8] {
        switch Int.random(in: 0..<8, using: &random) {
        case 0: return random.bytes(Int.random(in: 0...100, using: &random))
        case 1: return random.bytes(Int.random(in: 0...2500, using: &random)).map { $0 & 0x1F | 0x60 }
        case 2...4:
            return (0..<Int.random(in: 0...80, using: &random)).map { _ in
                UInt8.random(in: 0x20...0x7E, using: &random)
            }
        case _: return Array((Self.values.randomElement(using: &random) ?? "").utf8)
        }
    }
}
