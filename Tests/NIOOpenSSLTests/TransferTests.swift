// rtbridge: tests with much data.
// SPDX-License-Identifier: Apache-2.0
import NIOCore
import Testing

@testable import NIOOpenSSL

@Suite struct TransferTests {
    @Test(arguments: [TLSVersion.tls12, .tls13], [UInt64(11), 12])
    func tenMebibytesCrossBothWaysWholeHoweverTheyAreCut(version: TLSVersion, seed: UInt64) throws {
        let pair = try Pair.connected(version: version)
        var random = SplitMix(seed: seed)
        let texts = [random.bytes(10 * 1024 * 1024), random.bytes(10 * 1024 * 1024)].map { ByteBuffer(bytes: $0) }
        let writers = [pair.client, pair.server]
        var rests = texts
        while rests.contains(where: { $0.readableBytes > 0 }) {
            for (index, writer) in writers.enumerated() {
                for _ in 0..<Int.random(in: 1...4, using: &random) {
                    let longest = random.pick([30, 20_000, 700_000])
                    let count = min(Int.random(in: 0...longest, using: &random), rests[index].readableBytes)
                    writer.write(rests[index].readSlice(length: count)!)
                }
                writer.flush()
            }
            try pair.pump(.random(seed: random.next()))
        }
        #expect(pair.server.owner.received == texts[0], "seed \(seed)")
        #expect(pair.client.owner.received == texts[1], "seed \(seed)")
    }

    @Test(arguments: [TLSVersion.tls12, .tls13])
    func bytesThatComeOneByOneMakeTheSameText(version: TLSVersion) throws {
        let pair = try Pair.connected(version: version)
        for word in ["byte ", "by ", "byte"] {
            _ = pair.client.write(word)
            pair.client.flush()
        }
        try pair.pump(.bytes)
        #expect(pair.server.owner.text == "byte by byte")
        #expect(pair.server.owner.reads == [5, 3, 4])
    }
}

extension SplitMix {
    mutating func pick<Element>(_ elements: [Element]) -> Element {
        elements[Int.random(in: 0..<elements.count, using: &self)]
    }
}
