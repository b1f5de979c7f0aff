// rtbridge: tests of gRPC's statuses.
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
