// rtbridge: tests of content types.
// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import BridgeWire

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
        #expect(!isNative(value))
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
            #expect(isNative(value), "\(value)")
        }
        for value in ["", "application/grpc-web", "application/grpcs", "application/grpc+"] {
            #expect(!isNative(value), "\(value)")
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

private func isNative(_ value: String) -> Bool {
    Array(value.utf8).withUnsafeBytes { GRPCWebContentType.isNative($0) }
}
