// rtbridge: the end of a connection that is libnghttp2's.
// SPDX-License-Identifier: Apache-2.0

import HTTP2Session

/// libnghttp2.
final class OracleEnd: TrafficEnd {
    let oracle: OracleSession

    init(role: HTTP2Role, options: HTTP2Options) { oracle = OracleSession(role: role, options: options) }

    func open(_ body: ArraySlice<UInt8>) -> UInt32? {
        oracle.open(TrafficFields.request, .init(body: body)).map { UInt32($0) }
    }

    func respond(_ stream: UInt32, _ body: ArraySlice<UInt8>) {
        oracle.respond(Int32(stream), [(":status", "200")], .init(body: body))
    }

    func finish(_ stream: UInt32, trailers: Bool) {
        oracle.outgoing[Int32(stream)]?.isEnded = true
        oracle.outgoing[Int32(stream)]?.trailers = trailers ? TrafficFields.trailers : []
        oracle.resume(Int32(stream))
    }

    func reset(_ stream: UInt32) { oracle.reset(Int32(stream), .cancel) }
    func goaway() { oracle.goaway(.noError) }

    func receive(_ bytes: [UInt8]) throws {
        oracle.receive(bytes)
        if let failure = oracle.failure { throw OracleFailure(code: failure) }
    }

    func produce(_ limit: Int) throws -> [UInt8] {
        defer { if oracle.failure != nil { oracle.lines.append(.init(stream: 0, what: "failed")) } }
        return oracle.produceAll()
    }

    func takeLines() -> [Transcript.Line] {
        defer { (oracle.lines, oracle.bodies) = ([], [:]) }
        return oracle.lines
    }

    func consume(but kept: (UInt32) -> Bool) { oracle.consumeAll(but: kept) }
}

/// libnghttp2's own code (`NGHTTP2_ERR_…`).
struct OracleFailure: Error { let code: Int32 }
