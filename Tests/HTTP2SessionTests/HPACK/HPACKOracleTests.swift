// rtbridge: HPACK against libnghttp2's.
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import HTTP2Session

struct HPACKOracleTests {
    private static let sizes = [0, 1, 33, 64, 100, 256, 1000, 4095, 4096, 5000, 20_000]

    @Test(arguments: 0..<16 as Range<UInt64>)
    func blocksOfTheEncoderAreReadByTheOracle(_ seed: UInt64) {
        var fields = HPACKRandomFields(seed: seed)
        let tableLimit = [4096, 0, 100, 10_000][Int(seed % 4)]
        var encoder = HPACKEncoder(tableLimit: tableLimit)
        var decoder = HPACKDecoder(tableLimit: 20_000)
        let oracle = OracleInflater()
        for round in 0..<600 {
            if round % 8 == 7 {
                for _ in 0..<Int.random(in: 0...3, using: &fields.random) {
                    let size = Self.sizes.randomElement(using: &fields.random) ?? 0
                    oracle.setTableLimit(size)
                    encoder.setPeerTableLimit(UInt32(size))
                }
            }
            let sent = fields.block()
            let block = encoder.block(sent)
            let (read, isError) = oracle.decode(block)
            guard !isError, read == sent, decoder.verdict(block).verdict == HPACKVerdict(fields: sent) else {
                Issue.record("round \(round): \(sent) became \(read)")
                return
            }
        }
    }

    @Test(arguments: 0..<16 as Range<UInt64>)
    func blocksOfTheOracleAreRead(_ seed: UInt64) {
        var fields = HPACKRandomFields(seed: 1000 + seed)
        let limit = [4096, 20_000][Int(seed % 2)]
        let oracle = OracleDeflater(tableLimit: limit)
        var decoder = HPACKDecoder(tableLimit: limit)
        for round in 0..<600 {
            if round % 8 == 7 {
                for _ in 0..<Int.random(in: 0...3, using: &fields.random) {
                    oracle.setPeerTableLimit(min(limit, Self.sizes.randomElement(using: &fields.random) ?? 0))
                }
            }
            let sent = fields.block()
            let block = oracle.encode(sent) { $0.value.count % 7 == 3 }
            let (verdict, known) = decoder.verdict(block)
            guard verdict == HPACKVerdict(fields: sent) else {
                Issue.record("round \(round): \(sent) became \(verdict)")
                return
            }
            for (field, number) in zip(sent, known) where number != 0 {
                #expect(OracleInflater().decode([0x80 | UInt8(number)]).fields.first?.name == field.name)
            }
        }
    }

    /// A few blocks of one connection, with bytes changed, taken out and put in: the verdicts on all of them are the same.
    @Test(arguments: 0..<8 as Range<UInt64>)
    func verdictsOnMutatedBlocksAreThoseOfTheOracle(_ part: UInt64) {
        var errors = 0
        for seed in part * 500..<(part + 1) * 500 {
            var fields = HPACKRandomFields(seed: 5000 + seed)
            let (deflater, oracle) = (OracleDeflater(), OracleInflater())
            var decoder = HPACKDecoder()
            for _ in 0..<6 {
                var block = deflater.encode(fields.block())
                for _ in 0..<Int.random(in: 0...3, using: &fields.random) { Self.mutate(&block, &fields.random) }
                guard agree(&decoder, oracle, block) else {
                    errors += 1
                    break
                }
            }
        }
        #expect(errors > 100)
    }

    @Test(arguments: 0..<8 as Range<UInt64>)
    func verdictsOnRandomBytesAreThoseOfTheOracle(_ part: UInt64) {
        for seed in part * 5000..<(part + 1) * 5000 {
            var random = SplitMix(seed: seed)
            var decoder = HPACKDecoder()
            let oracle = OracleInflater()
            for _ in 0..<4 {
                var block = random.bytes(Int.random(in: 0...60, using: &random))
                // Small lengths and indices, half of the time, come further.
                let masks: [UInt8] = [0xC3, 0x47, 0x87, 0xFF]
                if Bool.random(using: &random) { block = block.map { $0 & masks[Int($0) >> 4 & 3] } }
                guard agree(&decoder, oracle, block) else { break }
            }
        }
    }

    /// - Returns: whether the block has no error.
    private func agree(_ decoder: inout HPACKDecoder, _ oracle: OracleInflater, _ block: [UInt8]) -> Bool {
        let own = decoder.verdict(block).verdict
        let other = oracle.decode(block)
        #expect((own.error != nil) == other.isError, "\(block): \(own.error as Any)")
        #expect(own.fields == other.fields, "\(block)")
        return own.error == nil && !other.isError
    }

    private static func mutate(_ block: inout [UInt8], _ random: inout SplitMix) {
        guard let place = block.indices.randomElement(using: &random) else { return }
        switch Int.random(in: 0..<5, using: &random) {
        case 0: block[place] = UInt8.random(in: 0...255, using: &random)
        case 1: block[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        case 2: block.remove(at: place)
        case 3: block.insert(UInt8.random(in: 0...255, using: &random), at: place)
        case _: block.removeSubrange(place...)
        }
    }
}
