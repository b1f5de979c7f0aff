// rtbridge: tests of the frames of fields in gRPC-Web bodies.
// SPDX-License-Identifier: Apache-2.0
import NIOCore
import Testing

@testable import BridgeWire

@Suite struct GRPCWebTrailersTests {
    private func block(_ fields: FieldBlock, asciiOnly: Bool = false) -> String {
        var buffer = ByteBuffer()
        GRPCWebTrailers.write(fields, asciiOnly: asciiOnly, into: &buffer)
        #expect(buffer.readInteger(as: UInt8.self) == 0x80)
        let length = buffer.readInteger(as: UInt32.self)
        #expect(length.map(Int.init) == buffer.readableBytes)
        return String(decoding: buffer.array, as: UTF8.self)
    }

    @Test func theFrameIsThatOfTheSpecification() throws {
        // gRPC PROTOCOL-WEB.md, "Message framing".
        var buffer = ByteBuffer()
        GRPCWebTrailers.write(FieldBlock(["grpc-status": "0"]), into: &buffer)
        #expect(buffer.array == "80 0000000f".hex + Array("grpc-status:0\r\n".utf8))
    }

    @Test func everyTrailerIsKeptInOrder() throws {
        let fields = FieldBlock([
            "x-a": "1", "grpc-status": "5", "x-a": "2, 3", "bin-bin": "AAE", "grpc-status-details-bin": "CAU=",
            "grpc-message": "not %C3%BC", "X-Upper": "v",
        ])
        #expect(
            block(fields) == "x-a:1\r\ngrpc-status:5\r\nx-a:2, 3\r\nbin-bin:AAE\r\ngrpc-status-details-bin:CAU=\r\n"
                + "grpc-message:not %C3%BC\r\nx-upper:v\r\n")
    }

    @Test func thereIsExactlyOneValidStatus() throws {
        #expect(block(FieldBlock(["grpc-status": "1", "grpc-status": "0"])) == "grpc-status:1\r\n")
        #expect(block(FieldBlock(["grpc-status": "0\r\nx", "grpc-status": "3"])) == "grpc-status:3\r\n")
        #expect(
            block(FieldBlock(["grpc-status": "oops", "grpc-message": "m"])) == "grpc-message:m\r\ngrpc-status:2\r\n")
        #expect(
            block(FieldBlock()) == "grpc-status:2\r\ngrpc-message:the back-end sent no valid grpc-status\r\n")
        #expect(
            block(FieldBlock(["grpc-status": "0", "grpc-message": "a", "grpc-message": "b"]))
                == "grpc-status:0\r\ngrpc-message:a\r\n")
    }

    @Test func messagesAreAlwaysDecodable() throws {
        let fields = FieldBlock(["grpc-status": "2", "grpc-message": "50 %zz ü\r\n%FF"])
        #expect(block(fields) == "grpc-status:2\r\ngrpc-message:50 %25zz %C3%BC%0D%0A%25FF\r\n")
    }

    @Test func nothingCanBeInjected() throws {
        var fields = FieldBlock()
        fields.append("grpc-status", "0")
        fields.append("x-value", "a\r\ngrpc-status: 13\nb\0c")
        fields.append("x-na\r\nme", "v")
        fields.append("x:y", "v")
        fields.append("", "v")
        fields.append(":status", "200")
        #expect(block(fields) == "grpc-status:0\r\nx-value:a  grpc-status: 13 b c\r\n")
    }

    @Test func hopByHopFieldsAreLeftOut() throws {
        let fields = FieldBlock([
            "connection": "x", "te": "trailers", "grpc-status": "0", "transfer-encoding": "chunked",
        ])
        #expect(block(fields) == "grpc-status:0\r\n")
    }

    @Test func onlyASCIIGoesOutWhereOnlyASCIIIsRead() throws {
        let fields = FieldBlock(["grpc-status": "0", "x": "ü\t\u{1}\u{7F}~"])
        #expect(block(fields) == "grpc-status:0\r\nx:ü\t\u{1}\u{7F}~\r\n")
        #expect(block(fields, asciiOnly: true) == "grpc-status:0\r\nx:??\t??~\r\n")
    }

    @Test func aTextBodysTrailersAreBase64() {
        let body = GRPCWebResponseBody(text: true, encoding: nil, clientAccepts: nil, maxMessageBytes: 10)
        // base64 of 80 0000000f "grpc-status:0" CR LF.
        #expect(String(buffer: trailers(of: body, FieldBlock(["grpc-status": "0"]))) == "gAAAAA9ncnBjLXN0YXR1czowDQo=")
        let binary = GRPCWebResponseBody(text: false, encoding: nil, clientAccepts: nil, maxMessageBytes: 10)
        #expect(
            trailers(of: binary, FieldBlock(["grpc-status": "0"])).array == "80 0000000f".hex
                + Array("grpc-status:0\r\n".utf8))
    }

    private func trailers(of body: GRPCWebResponseBody, _ fields: FieldBlock) -> ByteBuffer {
        var buffer = ByteBuffer()
        body.writeTrailers(fields, into: &buffer)
        return buffer
    }

    @Test func headersAreWrittenAsTheyAre() {
        var buffer = ByteBuffer()
        GRPCWebTrailers.writeHeaders(
            FieldBlock([":status": "200", "content-type": "application/grpc", "x": "ü"]), into: &buffer)
        #expect(buffer.array == frame(Array("content-type:application/grpc\r\nx:??\r\n".utf8), flags: 0x80))
    }

    // MARK: Reading

    private func parse(_ text: String) -> FieldBlock? { Array(text.utf8).withUnsafeBytes(GRPCWebTrailers.parse) }

    @Test func blocksAreReadWithEitherLineEnd() {
        let expected = FieldBlock(["content-type": "application/grpc-web+proto", "x-a": "v1, v2", "empty": ""])
        #expect(parse("Content-Type: application/grpc-web+proto\r\nx-a:v1, v2\r\nempty:\r\n") == expected)
        #expect(parse("content-type:application/grpc-web+proto\nx-a: \tv1, v2 \nempty: ") == expected)
        #expect(parse("content-type:application/grpc-web+proto\r\n\r\nx-a:v1, v2\n\nempty:\r\n\r\n") == expected)
        #expect(parse("") == FieldBlock())
    }

    @Test(arguments: ["no colon", ":status: 200", "a b: c", "a : c", "a: b\rc", "a: b\0", "ok: 1\r\n: x\r\n", " a: b"])
    func whatIsNoFieldIsRefused(text: String) {
        #expect(parse(text) == nil)
    }

    @Test func whatIsWrittenIsReadAndWhatIsReadIsWritten() throws {
        let seed: UInt64 = 14
        var random = SeededRandom(seed: seed)
        let names = ["x-a", "x-b-bin", "grpc-message", "grpc-status", "x-c"]
        let characters = Array("ab %:,;=~!\t".utf8)
        for round in 0..<rounds(10_000) {
            var fields = FieldBlock(["grpc-status": "7"])
            for _ in 0..<Int.random(in: 0...5, using: &random) {
                let value = (0..<Int.random(in: 0...8, using: &random)).map { _ in
                    characters.randomElement(using: &random)!
                }
                fields.append(names.randomElement(using: &random)!, String(decoding: value, as: UTF8.self))
            }
            let first = block(fields)
            let read = try #require(parse(first), "seed \(seed), round \(round)")
            let second = try #require(parse(block(read)))
            if second != read || read.string("grpc-status") != "7" {
                Issue.record("seed \(seed), round \(round): \(read) is not \(second)")
                return
            }
        }
    }

    @Test func randomFieldsNeverTrapAndStayFields() throws {
        let seed: UInt64 = 15
        var random = SeededRandom(seed: seed)
        for round in 0..<rounds(20_000) {
            var fields = FieldBlock()
            for _ in 0..<Int.random(in: 0...4, using: &random) {
                let name =
                    Bool.random(using: &random)
                    ? Array("grpc-message".utf8) : random.bytes(Int.random(in: 0...3, using: &random))
                let value = random.bytes(Int.random(in: 0...10, using: &random))
                name.withUnsafeBytes { name in value.withUnsafeBytes { fields.append(name: name, value: $0) } }
            }
            var buffer = ByteBuffer()
            GRPCWebTrailers.write(fields, asciiOnly: true, into: &buffer)
            let text = buffer.array.dropFirst(5)
            let read = Array(text).withUnsafeBytes(GRPCWebTrailers.parse)
            if read == nil || read!.count > fields.count + 2
                || read!.pairs.filter({ $0.name == "grpc-status" }).count != 1
            {
                Issue.record("seed \(seed), round \(round): \(fields.pairs) became \(text)")
                return
            }
            _ = random.bytes(20).withUnsafeBytes(GRPCWebTrailers.parse)
        }
    }
}
