// rtbridge: what a session says first (RFC 9113 §3.4, §6.5.2).
// SPDX-License-Identifier: Apache-2.0

import HTTP2Session
import NIOCore
import Testing

struct PrefaceSentTests {
    /// The values of a SETTINGS frame, by their identifiers.
    private func values(_ payload: [UInt8]) -> [UInt16: UInt32] {
        var bytes = ByteBuffer(bytes: payload)
        var values: [UInt16: UInt32] = [:]
        while let (id, value) = bytes.readMultipleIntegers(as: (UInt16, UInt32).self) { values[id] = value }
        return values
    }

    /// "MUST be the first frame the server sends"; nothing has to come in before.
    @Test func aFrontSpeaksFirst() throws {
        var options = HTTP2Options()
        options.maxConcurrentStreams = 77
        options.streamWindow = 123_456
        options.connectionWindow = 1_000_000
        options.maxHeaderListSize = 5000
        let peer = try RawPeer(options: options, greets: false)
        let frames = try peer.frames()
        let first = try #require(frames.first)
        #expect(first.kind == RawFrame.Kind.settings.rawValue && first.flags == 0 && first.stream == 0)
        let values = values(first.payload)
        #expect(values[3] == 77)
        #expect(values[4] == 123_456)
        #expect(values[6] == 5000)
        // The connection's window is opened by what it lacks of 65,535 (§6.9.2).
        let update = try #require(frames.first { $0.kind == RawFrame.Kind.windowUpdate.rawValue })
        #expect(update.stream == 0 && update.payload == RawFrame.bigEndian(1_000_000 - 65_535))
    }

    /// "The client connection preface starts with a sequence of 24 octets … MUST be followed by a SETTINGS frame".
    @Test func aBackSendsThePrefaceAndItsSettings() throws {
        let session = HTTP2Session(role: .back)
        var bytes = session.produceAll()
        let preface = bytes.readBytes(length: 24)
        #expect(preface == RawFrame.preface)
        let first = bytes.readBytes(length: 9)
        let header = try #require(first)
        #expect(header[3...] == [RawFrame.Kind.settings.rawValue, 0, 0, 0, 0, 0])
        let payload = bytes.readBytes(length: Int(header[2]))
        let values = values(try #require(payload))
        #expect(values[2] == 0, "nobody may push")
        #expect(values[4] == HTTP2Options().streamWindow)
    }
}
