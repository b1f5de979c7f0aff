// rtbridge: tests of gRPC-Web's response bodies.
// SPDX-License-Identifier: Apache-2.0
import CZlib
import NIOCore
import Testing

@testable import BridgeWire

/// Compresses as a gRPC server does: `gzip` (RFC 1952) or zlib (RFC 1950).
func compressed(_ bytes: [UInt8], gzip: Bool) -> [UInt8] {
    var stream = z_stream()
    rtb_deflateInit2(&stream, 6, gzip ? 31 : 15)
    defer { deflateEnd(&stream) }
    var input = bytes
    var output = [UInt8](repeating: 0, count: bytes.count + 100)
    let count = input.withUnsafeMutableBufferPointer { input in
        output.withUnsafeMutableBufferPointer { output in
            stream.next_in = input.baseAddress
            stream.avail_in = UInt32(input.count)
            stream.next_out = output.baseAddress
            stream.avail_out = UInt32(output.count)
            deflate(&stream, Z_FINISH)
            return output.count - Int(stream.avail_out)
        }
    }
    return Array(output[..<count])
}

@Suite struct GRPCWebResponseBodyTests {
    private func body(
        text: Bool = false, encoding: String? = nil, accepts: String? = nil, limit: Int = 100_000
    ) -> GRPCWebResponseBody {
        GRPCWebResponseBody(
            text: text, encoding: encoding.map(slice), clientAccepts: accepts.map(slice), maxMessageBytes: limit)
    }

    private func transform(
        _ pieces: [[UInt8]], _ body: GRPCWebResponseBody
    ) -> (output: [UInt8], error: GRPCFrameError?, isInsideFrame: Bool) {
        var body = body
        var output: [UInt8] = []
        do throws(GRPCFrameError) {
            for piece in pieces { output += try body.transform(ByteBuffer(bytes: piece)).array }
            try body.finish()
        } catch {
            return (output, error, body.isInsideFrame)
        }
        return (output, nil, body.isInsideFrame)
    }

    // MARK: As they are

    @Test(arguments: Cut.all)
    func plainFramesPassByteForByte(cut: Cut) {
        let bytes = frame([1, 2, 3]) + frame([]) + frame([4])
        for encoding in [nil, "identity", "Identity", "gzip", "snappy"] {
            let result = transform(cut.pieces(of: bytes), body(encoding: encoding))
            #expect(result.output == bytes, "\(cut)")
            #expect(result.error == nil, "\(cut)")
        }
    }

    @Test func aPlainBufferIsHandedOnWithoutACopy() throws {
        var body = body()
        let buffer = ByteBuffer(bytes: frame([1, 2, 3]))
        let output = try body.transform(buffer)
        #expect(output.withUnsafeReadableBytes { $0.baseAddress } == buffer.withUnsafeReadableBytes { $0.baseAddress })
    }

    @Test func everyPieceOfATextBodyIsAMultipleOfFour() throws {
        // gRPC PROTOCOL-WEB.md: what is flushed of a text body can be decoded by itself.
        let bytes = frame([1, 2, 3, 4]) + frame([5])
        for cut in Cut.all {
            var body = body(text: true)
            var decoded = ByteBuffer()
            var decoder = Base64Decoder()
            for piece in cut.pieces(of: bytes) {
                let text = try body.transform(ByteBuffer(bytes: piece))
                #expect(text.readableBytes % 4 == 0, "\(cut)")
                try text.withUnsafeReadableBytes { try decoder.write($0, into: &decoded) }
                #expect(decoder.isAtBoundary, "\(cut)")
            }
            #expect(decoded.array == bytes, "\(cut)")
        }
    }

    @Test func illegalFlagsAreRefused() {
        for (flags, error) in [(UInt8(0x80), GRPCFrameError.trailersFrame), (2, .badFlags(2))] {
            #expect(transform([frame([], flags: flags)], body()).error == error)
            #expect(transform([frame([], flags: flags)], body(encoding: "gzip")).error == error)
        }
    }

    @Test func theLimitHoldsWithAndWithoutDecompression() {
        for encoding in [nil, "gzip"] {
            let result = transform(["00 0000000b".hex], body(encoding: encoding, limit: 10))
            #expect(result.error == .messageTooLarge(11, limit: 10))
            #expect(
                transform([frame([UInt8](repeating: 0, count: 10))], body(encoding: encoding, limit: 10)).error == nil)
        }
    }

    @Test(arguments: Cut.all)
    func aBodyThatEndsInsideAFrameIsTold(cut: Cut) {
        let whole = frame([1, 2, 3])
        for count in 1..<whole.count {
            let plain = transform(cut.pieces(of: Array(whole[..<count])), body())
            #expect(plain.error == .insideFrame, "\(count) bytes, \(cut)")
            #expect(plain.isInsideFrame, "\(count) bytes, \(cut)")
            let decompressing = transform(cut.pieces(of: Array(whole[..<count])), body(encoding: "gzip"))
            #expect(decompressing.error == .insideFrame, "\(count) bytes, \(cut)")
            // A prefix that is not whole was held back.
            #expect(decompressing.isInsideFrame == (count >= 5), "\(count) bytes, \(cut)")
        }
    }

    @Test func afterAFaultTheClientIsWhereTheLastGoodBufferLeftIt() throws {
        var between = body()
        _ = try between.transform(ByteBuffer(bytes: frame([1])))
        #expect(throws: GRPCFrameError.badFlags(9)) { try between.transform(ByteBuffer(bytes: frame([1]) + [9])) }
        #expect(!between.isInsideFrame)
        var inside = body()
        _ = try inside.transform(ByteBuffer(bytes: [0, 0]))
        #expect(throws: GRPCFrameError.badFlags(9)) { try inside.transform(ByteBuffer(bytes: [0, 0, 0, 9])) }
        #expect(inside.isInsideFrame)
    }

    // MARK: Compressed

    @Test(arguments: ["gzip", "deflate", "GZIP"], Cut.all)
    func whatTheClientDidNotAskForIsDecompressed(encoding: String, cut: Cut) {
        let message = (0..<3000).map { UInt8($0 / 7 & 0xFF) }
        let gzip = encoding != "deflate"
        let bytes =
            frame(compressed(message, gzip: gzip), flags: 1) + frame([7]) + frame(compressed([], gzip: gzip), flags: 1)
            + frame([], flags: 1) + frame([]) + frame(compressed([8], gzip: gzip), flags: 1)
        let result = transform(cut.pieces(of: bytes), body(encoding: encoding, accepts: "identity"))
        #expect(result.output == frame(message) + frame([7]) + frame([]) + frame([]) + frame([]) + frame([8]), "\(cut)")
        #expect(result.error == nil, "\(cut)")
        #expect(!result.isInsideFrame)
    }

    @Test(arguments: ["gzip", "identity,gzip", "deflate, GZIP;q=1", " gzip "])
    func whatTheClientAskedForStaysCompressed(accepts: String) {
        let bytes = frame(compressed([1, 2, 3], gzip: true), flags: 1)
        let accepting = body(encoding: "gzip", accepts: accepts)
        #expect(transform([bytes], accepting).output == bytes)
        #expect(!accepting.dropsEncodingField)
    }

    @Test(arguments: [nil, "", "identity", "deflate", "xgzip", "gzip2"])
    func theEncodingIsDroppedWhereNobodyAskedForIt(accepts: String?) {
        #expect(body(encoding: "gzip", accepts: accepts).dropsEncodingField)
        #expect(body(encoding: "snappy", accepts: accepts).dropsEncodingField)
        #expect(!body(encoding: nil, accepts: accepts).dropsEncodingField)
        #expect(!body(encoding: "identity", accepts: accepts).dropsEncodingField)
    }

    @Test func anotherEncodingIsInternalAndNamed() {
        let error = transform([frame([1], flags: 1)], body(encoding: "snappy", accepts: "gzip")).error
        #expect(error?.status.code == .internal)
        #expect(error?.status.message.contains("snappy") == true)
        #expect(transform([frame([1], flags: 1)], body(encoding: "snappy", accepts: "snappy")).error == nil)
    }

    @Test func theCompressedFlagWithoutAnEncodingIsInternal() {
        for encoding in [nil, "identity"] {
            #expect(transform([frame([1], flags: 1)], body(encoding: encoding)).error == .compressedWithoutEncoding)
        }
        #expect(GRPCFrameError.compressedWithoutEncoding.status.code == .internal)
    }

    @Test(arguments: [true, false])
    func aBombIsRefusedAtTheLimit(gzip: Bool) {
        let encoding = gzip ? "gzip" : "deflate"
        let bomb = frame(compressed([UInt8](repeating: 0, count: 1 << 20), gzip: gzip), flags: 1)
        #expect(bomb.count < 5000)
        let result = transform([bomb], body(encoding: encoding, limit: 50_000))
        #expect(result.error == .decompressedTooLarge(limit: 50_000))
        #expect(result.error?.status.code == .resourceExhausted)
        #expect(result.error?.status.message.contains("maxMessageBytes (50000)") == true)
        for size in [49_999, 50_000, 50_001] {
            let message = [UInt8](repeating: 1, count: size)
            let result = transform(
                [frame(compressed(message, gzip: gzip), flags: 1)], body(encoding: encoding, limit: 50_000))
            #expect(result.output == (size <= 50_000 ? frame(message) : []))
        }
    }

    @Test func aSeriesOfGzipMembersIsOneMessage() {
        // RFC 1952 §2.2.
        let members = compressed([1, 2], gzip: true) + compressed([3], gzip: true)
        #expect(transform([frame(members, flags: 1)], body(encoding: "gzip")).output == frame([1, 2, 3]))
    }

    @Test func corruptMessagesAreInternal() {
        let good = compressed(Array("a message that is long enough".utf8), gzip: true)
        var damaged = good
        damaged[good.count - 6] ^= 0xFF  // The checksum.
        let cases = [damaged, Array(good.dropLast()), good + [0], [0x1F], compressed([1], gzip: false)]
        for message in cases {
            let result = transform([frame(message, flags: 1)], body(encoding: "gzip"))
            #expect(result.error == .corruptMessage, "\(message)")
            #expect(result.output == [])
        }
        #expect(
            transform([frame(compressed([1], gzip: false) + [0], flags: 1)], body(encoding: "deflate")).error
                == .corruptMessage)
    }

    @Test func aMessageAfterACorruptOneWouldStillBeRead() throws {
        var body = body(encoding: "gzip")
        #expect(throws: GRPCFrameError.corruptMessage) {
            try body.transform(ByteBuffer(bytes: frame([1, 2, 3], flags: 1)))
        }
        let good = try body.transform(ByteBuffer(bytes: frame(compressed([5], gzip: true), flags: 1)))
        #expect(good.array == frame([5]))
    }

    @Test func randomBodiesNeverTrapAndMeanTheSameWhereverTheyAreCut() {
        let seed: UInt64 = 17
        var random = SeededRandom(seed: seed)
        let messages = (0..<20).map { [UInt8](repeating: UInt8($0), count: $0 * 13) }
        let frames = messages.map { frame(compressed($0, gzip: true), flags: 1) } + messages.map { frame($0) }
        for round in 0..<rounds(10_000) {
            var bytes: [UInt8] = []
            for _ in 0...Int.random(in: 0...2, using: &random) { bytes += frames.randomElement(using: &random)! }
            for _ in 0..<Int.random(in: 0...2, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            let whole = transform([bytes], body(encoding: "gzip", limit: 250))
            let cut = transform(Cut.random(seed: random.next()).pieces(of: bytes), body(encoding: "gzip", limit: 250))
            if whole.error != cut.error || (whole.error == nil && whole.output != cut.output) {
                Issue.record("seed \(seed), round \(round), \(bytes): \(whole) is not \(cut)")
                return
            }
        }
    }
}
