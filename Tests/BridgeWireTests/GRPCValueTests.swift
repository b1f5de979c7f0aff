// rtbridge: tests of gRPC's statuses, time-outs, messages and content types.
// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import BridgeWire

@Suite struct GRPCStatusTests {
    @Test func codesAndNamesAreThoseOfGRPC() {
        // gRPC doc/statuscodes.md.
        let names = [
            "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
            "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE",
            "UNIMPLEMENTED",
            "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
        ]
        #expect(GRPCStatusCode.allCases.map(\.name) == names)
        #expect(GRPCStatusCode.allCases.map { Int($0.rawValue) } == Array(0...16))
        #expect(names.map { GRPCStatusCode(name: $0)?.name } == names)
        #expect(GRPCStatusCode(name: "unavailable") == nil)
    }

    @Test func valuesAreReadFromDigitsAlone() {
        #expect(GRPCStatusCode(value: "0".utf8) == .ok)
        #expect(GRPCStatusCode(value: "16".utf8) == .unauthenticated)
        for value in ["", "17", "-1", "+1", "1a", " 1", "0000", "256", "999"] {
            #expect(GRPCStatusCode(value: value.utf8) == nil, "\(value)")
        }
    }

    @Test(arguments: [
        (400, GRPCStatusCode.internal), (401, .unauthenticated), (403, .permissionDenied), (404, .unimplemented),
        (429, .unavailable), (502, .unavailable), (503, .unavailable), (504, .unavailable), (200, .unknown),
        (500, .unknown),
        (302, .unknown), (0, .unknown), (-1, .unknown),
    ])
    func httpStatusesBecomeCodes(http: Int, code: GRPCStatusCode) {
        // gRPC doc/http-grpc-status-mapping.md.
        #expect(GRPCStatusCode(httpStatus: http) == code)
    }

    @Test func http2ErrorsBecomeCodes() {
        // gRPC doc/PROTOCOL-HTTP2.md, "Errors"; the numbers are RFC 9113 §7's.
        let expected: [GRPCStatusCode] = [
            .internal, .internal, .internal, .internal, .internal, .internal, .internal, .unavailable, .cancelled,
            .internal,
            .internal, .resourceExhausted, .permissionDenied, .internal,
        ]
        #expect((0...13).map { GRPCStatusCode(http2Error: $0) } == expected)
        #expect(GRPCStatusCode(http2Error: .max) == .internal)
    }

    @Test func aStatusWritesItsFields() {
        var fields = FieldBlock()
        GRPCStatus(.unavailable, "100 % weg: ü").append(to: &fields)
        #expect(fields == FieldBlock(["grpc-status": "14", "grpc-message": "100 %25 weg: %C3%BC"]))
        var ok = FieldBlock()
        GRPCStatus(.ok).append(to: &ok)
        #expect(ok == FieldBlock(["grpc-status": "0"]))
        #expect(GRPCStatus(.aborted, "why").description == "ABORTED: why")
    }
}

@Suite struct GRPCTimeoutTests {
    @Test(arguments: [
        ("1H", Duration.seconds(3600)), ("2M", .seconds(120)), ("3S", .seconds(3)), ("4m", .milliseconds(4)),
        ("5u", .microseconds(5)), ("6n", .nanoseconds(6)), ("0n", .zero), ("00000001S", .seconds(1)),
        ("99999999n", .nanoseconds(99_999_999)), ("123456789012m", .milliseconds(123_456_789_012)),
        ("000000000000000000000000000000001S", .seconds(1)),
    ])
    func valuesAreRead(text: String, duration: Duration) {
        // gRPC doc/PROTOCOL-HTTP2.md, "Requests".
        #expect(GRPCTimeout.parse(text.utf8) == duration)
    }

    @Test(arguments: [
        "99999999H", "999999999999999999H", "9223372036854775807n", "9223372036854775808S",
        "99999999999999999999999999999999999n",
        "100000000000000000H",
    ])
    func whatIsTooLongSaturates(text: String) {
        #expect(GRPCTimeout.parse(text.utf8) == GRPCTimeout.longest)
    }

    @Test(arguments: [
        "", "H", "1", "1h", "1s", "-1S", "+1S", " 1S", "1S ", "1.5S", "1SS", "S1", "1٣S", "99999999999999999999x1S",
    ])
    func whatIsMalformedIsRefused(text: String) {
        #expect(GRPCTimeout.parse(text.utf8) == nil)
    }

    @Test(arguments: [
        (Duration.zero, "0n"), (.seconds(-5), "0n"), (.nanoseconds(1), "1n"), (.nanoseconds(99_999_999), "99999999n"),
        (.nanoseconds(100_000_000), "100000u"), (.nanoseconds(100_000_001), "100001u"), (.seconds(1), "1000000u"),
        (.seconds(100), "100000m"), (.milliseconds(99_999_999), "99999999m"), (.seconds(100_000), "100000S"),
        (.microseconds(100_000_000_001), "100001S"), (.seconds(99_999_999), "99999999S"),
        (.seconds(100_000_000), "1666667M"),
        (.seconds(6_000_000_000), "1666667H"), (.seconds(Int64.max), "99999999H"), (Duration(attoseconds: 1), "1n"),
        (Duration(attoseconds: .max), "99999999H"), (Duration(attoseconds: .min), "0n"),
    ])
    func durationsAreWrittenWithEightDigitsRoundedUp(duration: Duration, text: String) {
        #expect(GRPCTimeout.encode(duration) == text)
    }

    @Test func whatIsWrittenIsReadAndNeverShorter() throws {
        let seed: UInt64 = 26
        var random = SeededRandom(seed: seed)
        for round in 0..<rounds(20_000) {
            let nanoseconds = Int64.random(
                in: 0...(Int64.max >> Int64.random(in: 2...60, using: &random)), using: &random)
            let duration = Duration.nanoseconds(nanoseconds)
            let text = GRPCTimeout.encode(duration)
            let read = try #require(GRPCTimeout.parse(text.utf8))
            guard text.utf8.count <= 9, read >= duration, GRPCTimeout.encode(read) == text else {
                Issue.record("seed \(seed), round \(round): \(duration) was written as \(text) and read as \(read)")
                return
            }
        }
    }

    @Test func randomValuesNeverTrap() {
        let seed: UInt64 = 27
        var random = SeededRandom(seed: seed)
        let characters = Array("0123456789999999HMSmunx-".utf8)
        for round in 0..<rounds(50_000) {
            let bytes = (0..<Int.random(in: 0...40, using: &random)).map { _ in
                characters.randomElement(using: &random)!
            }
            if let duration = GRPCTimeout.parse(bytes), duration < .zero || duration > GRPCTimeout.longest {
                Issue.record("seed \(seed), round \(round): \(duration)")
            }
        }
    }
}

@Suite struct GRPCMessageTextTests {
    @Test(arguments: [
        ("", ""), ("plain ~ text!", "plain ~ text!"), ("100%", "100%25"), ("a\r\nb\0", "a%0D%0Ab%00"), ("ü", "%C3%BC"),
        ("😀", "%F0%9F%98%80"), ("\u{7F}", "%7F"),
    ])
    func textsAreEncodedAndDecoded(text: String, value: String) {
        // gRPC doc/PROTOCOL-HTTP2.md, "Responses".
        #expect(GRPCMessageText.encode(text) == value)
        #expect(GRPCMessageText.decode(value.utf8) == text)
    }

    @Test(arguments: [
        ("%c3%bC", "ü"), ("%", "%"), ("%4", "%4"), ("%zz", "%zz"), ("100%!", "100%!"), ("%ff", "\u{FFFD}"),
        ("a%%41", "a%A"),
    ])
    func invalidValuesAreDecodedAsFarAsTheyGo(value: String, text: String) {
        #expect(GRPCMessageText.decode(value.utf8) == text)
    }

    @Test(arguments: [
        ("", ""), ("plain ~ text", "plain ~ text"), ("%C3%bc kept", "%C3%bc kept"), ("%0D%0A", "%0D%0A"),
        ("%zz", "%25zz"), ("%", "%25"), ("50%", "50%25"), ("%4", "%254"), ("%%41", "%25%41"), ("%E2%8", "%25E2%258"),
        ("ü", "%C3%BC"), ("a\r\nb\0", "a%0D%0Ab%00"), ("%FF", "%25FF"), ("%C3", "%25C3"), ("%C3x", "%25C3x"),
        ("%ED%A0%80", "%25ED%25A0%2580"), ("%C0%AF", "%25C0%25AF"), ("%F0%9F%98%80", "%F0%9F%98%80"),
    ])
    func valuesAreMadeDecodable(value: String, expected: String) {
        #expect(String(decoding: GRPCMessageText.sanitise(value.utf8), as: UTF8.self) == expected)
    }

    @Test func rawBytesThatAreNotUTF8AreReplaced() {
        #expect(GRPCMessageText.sanitise([0x61, 0xFF, 0x62]) == Array("a%EF%BF%BDb".utf8))
        // A character half raw and half escaped is a character.
        #expect(GRPCMessageText.sanitise([0xC3] + Array("%BC".utf8)) == Array("%C3%BC".utf8))
        #expect(GRPCMessageText.sanitise(Array("%C3".utf8) + [0xBC]) == Array("%C3%BC".utf8))
    }

    /// As JavaScript's `decodeURIComponent`: `nil` where it throws.
    private func decodeURIComponent(_ value: [UInt8]) -> String? {
        var bytes: [UInt8] = []
        var rest = value[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            let digits = String(decoding: rest.prefix(2), as: UTF8.self)
            guard digits.utf8.count == 2, digits.allSatisfy(\.isHexDigit), let escaped = UInt8(digits, radix: 16) else {
                return nil
            }
            bytes.append(escaped)
            rest = rest.dropFirst(2)
        }
        return String(validating: bytes, as: UTF8.self)
    }

    @Test func whateverComesIsDecodableAndPrintableAndStaysSo() {
        let seed: UInt64 = 16
        var random = SeededRandom(seed: seed)
        let scraps = ["%", "%C3", "%BC", "%zz", "%E2%82%AC", "%F0", "%9F", "text", "ü", "\r\n", "4", "%00"].map {
            Array($0.utf8)
        }
        for round in 0..<rounds(30_000) {
            var value: [UInt8] = []
            for _ in 0..<Int.random(in: 0...6, using: &random) {
                value += Bool.random(using: &random) ? scraps.randomElement(using: &random)! : random.bytes(1)
            }
            let sound = GRPCMessageText.sanitise(value)
            let isSound = sound.allSatisfy { (0x20...0x7E).contains($0) } && decodeURIComponent(sound) != nil
            if !isSound || GRPCMessageText.sanitise(sound) != sound {
                Issue.record("seed \(seed), round \(round): \(value) became \(String(decoding: sound, as: UTF8.self))")
                return
            }
            let text = String(decoding: value, as: UTF8.self)
            if GRPCMessageText.decode(GRPCMessageText.encode(text).utf8) != text {
                Issue.record("seed \(seed), round \(round): \(text) does not come back")
                return
            }
        }
    }
}

@Suite struct GRPCWebContentTypeTests {
    @Test(arguments: [
        ("application/grpc-web", GRPCWebContentType.Mode.binary, ""), ("application/grpc-web+proto", .binary, "+proto"),
        ("application/grpc-web-text", .text, ""), ("application/grpc-web-text+proto", .text, "+proto"),
        ("APPLICATION/gRPC-Web-Text+JSON", .text, "+JSON"), ("application/grpc-web; charset=utf-8", .binary, ""),
        ("application/grpc-web+thrift ;a=b", .binary, "+thrift"), ("application/grpc-web+x.y-z ", .binary, "+x.y-z"),
    ])
    func contentTypesOfGRPCWebAreRead(value: String, mode: GRPCWebContentType.Mode, suffix: String) {
        // gRPC PROTOCOL-WEB.md.
        #expect(GRPCWebContentType.parse(value.utf8) == GRPCWebContentType(mode: mode, suffix: suffix))
        #expect(!GRPCWebContentType.isNative(value.utf8))
    }

    @Test(arguments: [
        "", "application/grpc", "application/grpc+proto", "application/grpc-webs", "application/grpc-web-texts",
        "application/grpc-web+", "application/grpc-web+pro to", "application/grpc-web proto", "application/json",
        "text/application/grpc-web", "application/grpc-web+a\r\nb",
    ])
    func otherContentTypesAreNotGRPCWeb(value: String) {
        #expect(GRPCWebContentType.parse(value.utf8) == nil)
    }

    @Test func nativeGRPCIsToldFromGRPCWeb() {
        for value in ["application/grpc", "application/grpc+proto", "Application/GRPC ; x=y"] {
            #expect(GRPCWebContentType.isNative(value.utf8), "\(value)")
        }
        for value in ["", "application/grpc-web", "application/grpcs", "application/grpc+"] {
            #expect(!GRPCWebContentType.isNative(value.utf8), "\(value)")
        }
    }

    @Test func theSuffixStaysInEveryDirection() throws {
        for value in [
            "application/grpc-web+json", "application/grpc-web-text+json", "application/grpc-web",
            "application/grpc-web-text",
        ] {
            let type = try #require(GRPCWebContentType.parse(value.utf8))
            #expect(type.value == value)
            #expect(type.response(accept: nil).value == value)
            #expect(type.native == (value.hasSuffix("+json") ? "application/grpc+json" : "application/grpc"))
        }
    }

    @Test func textIsAnsweredWhereItIsAskedFor() {
        let binary = GRPCWebContentType(mode: .binary, suffix: "+proto")
        let text = GRPCWebContentType(mode: .text, suffix: "+proto")
        #expect(binary.response(accept: slice("application/grpc-web-text")) == text)
        #expect(binary.response(accept: slice("Application/grpc-web-text+proto, */*")) == text)
        #expect(binary.response(accept: slice("*/*")) == binary)
        #expect(binary.response(accept: slice("application/grpc-web")) == binary)
        #expect(binary.response(accept: nil) == binary)
        #expect(text.response(accept: slice("*/*")) == text)
        #expect(text.response(accept: nil) == text)
    }
}
