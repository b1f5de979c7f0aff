// rtbridge: tests of gRPC-Web's request bodies.
// SPDX-License-Identifier: Apache-2.0
import NIOCore
import Testing

@testable import BridgeWire

@Suite struct GRPCWebRequestBodyTests {
    private func transform(
        _ pieces: [[UInt8]], text: Bool, limit: Int = 1000
    ) -> (output: [UInt8], error: GRPCFrameError?) {
        var body = GRPCWebRequestBody(text: text, maxMessageBytes: limit)
        var output: [UInt8] = []
        do throws(GRPCFrameError) {
            for piece in pieces { output += try body.transform(ByteBuffer(bytes: piece)).array }
            try body.finish()
        } catch {
            return (output, error)
        }
        return (output, nil)
    }

    private func base64(_ bytes: [UInt8]) -> [UInt8] { Array(bytes.withUnsafeBytes(Base64Encoder.string).utf8) }

    @Test(arguments: Cut.all)
    func binaryBodiesPassByteForByte(cut: Cut) {
        let bytes = frame([1, 2, 3]) + frame([]) + frame([9], flags: 1)
        let result = transform(cut.pieces(of: bytes), text: false)
        #expect(result.output == bytes, "\(cut)")
        #expect(result.error == nil, "\(cut)")
    }

    @Test func aBinaryBufferIsHandedOnWithoutACopy() throws {
        var body = GRPCWebRequestBody(text: false, maxMessageBytes: 1000)
        let buffer = ByteBuffer(bytes: frame([1, 2, 3]))
        let output = try body.transform(buffer)
        #expect(output.withUnsafeReadableBytes { $0.baseAddress } == buffer.withUnsafeReadableBytes { $0.baseAddress })
        #expect(body.messageCount == 1)
    }

    @Test(arguments: Cut.all)
    func textBodiesAreDecodedWithPaddingAnywhere(cut: Cut) {
        let bytes = frame([1, 2, 3]) + frame([4])
        // One string, two strings, and a string for every byte: all but the first have padding inside.
        let texts = [base64(bytes), base64(frame([1, 2, 3])) + base64(frame([4])), bytes.flatMap { base64([$0]) }]
        for text in texts {
            let result = transform(cut.pieces(of: text), text: true)
            #expect(result.output == bytes, "\(cut)")
            #expect(result.error == nil, "\(cut)")
        }
    }

    @Test func aThousandMessagesInOneBufferPass() {
        let bytes = (0..<1000).flatMap { frame([UInt8($0 & 0xFF)]) }
        #expect(transform([bytes], text: false).output == bytes)
        #expect(transform([base64(bytes)], text: true).output == bytes)
    }

    @Test(arguments: Cut.all)
    func whatIsNotBase64IsInternal(cut: Cut) {
        for text in ["AAAA!AAA", "AAAAAAA", "AAAAA=AA", "AA\r\nAAAA"] {
            let result = transform(cut.pieces(of: Array(text.utf8)), text: true)
            #expect(result.error?.status == GRPCStatus(.internal, "invalid base64"), "\(text), \(cut)")
        }
    }

    @Test func nothingOfAFaultyBufferIsForwarded() {
        #expect(transform([base64(frame([1])) + Array("!".utf8)], text: true).output == [])
        #expect(transform([frame([1]) + [0x42]], text: false).output == [])
    }

    @Test(arguments: [false, true], Cut.all)
    func aBodyThatEndsInsideAFrameIsInternal(text: Bool, cut: Cut) {
        let whole = frame([1, 2, 3])
        for count in 1..<whole.count {
            let bytes = Array(whole[..<count])
            let result = transform(cut.pieces(of: text ? base64(bytes) : bytes), text: text)
            #expect(result.error == .insideFrame, "\(count) bytes, \(cut)")
        }
    }

    @Test func anEmptyBodyIsWhole() {
        #expect(transform([], text: false).error == nil)
        #expect(transform([[]], text: true).error == nil)
    }

    @Test func trailersInARequestAreRefused() {
        #expect(transform([frame([1]) + frame([], flags: 0x80)], text: false).error == .trailersFrame)
        #expect(transform([base64(frame([], flags: 0x80))], text: true).error == .trailersFrame)
    }

    @Test func theLimitHoldsInBothModes() {
        let bytes = frame([UInt8](repeating: 0, count: 11))
        #expect(transform([bytes], text: false, limit: 10).error == .messageTooLarge(11, limit: 10))
        #expect(transform([base64(bytes)], text: true, limit: 10).error == .messageTooLarge(11, limit: 10))
        #expect(transform([bytes], text: false, limit: 11).error == nil)
    }

    @Test(arguments: [false, true])
    func randomBodiesNeverTrapAndMeanTheSameWhereverTheyAreCut(text: Bool) {
        let seed: UInt64 = text ? 11 : 10
        var random = SeededRandom(seed: seed)
        for round in 0..<rounds(40_000) {
            var bytes: [UInt8] = []
            for _ in 0..<Int.random(in: 0...3, using: &random) {
                bytes += frame(
                    random.bytes(Int.random(in: 0...12, using: &random)), flags: UInt8.random(in: 0...1, using: &random)
                )
            }
            if Bool.random(using: &random), !bytes.isEmpty {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            var body = text ? base64(bytes) : bytes
            if text, !body.isEmpty, Int.random(in: 0..<4, using: &random) == 0 {
                body[Int.random(in: 0..<body.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            let whole = transform([body], text: text)
            let cut = transform(Cut.random(seed: random.next()).pieces(of: body), text: text)
            // Base64 is judged before the frames inside it, in each piece anew.
            let isSame = text ? (whole.error == nil) == (cut.error == nil) : whole.error == cut.error
            if !isSame || (whole.error == nil && whole.output != cut.output) {
                Issue.record("seed \(seed), round \(round), \(body): \(whole) is not \(cut)")
                return
            }
        }
    }
}
