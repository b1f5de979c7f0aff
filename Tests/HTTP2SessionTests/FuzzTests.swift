// rtbridge: bytes that no honest peer sends.
// SPDX-License-Identifier: Apache-2.0

import BridgeWire
import HTTP2Session
import NIOCore
import Testing

/// Whatever comes in, nothing traps, and a session's own count of its streams stays right.
struct FuzzTests {
    /// A lively session of a few streams, as its bytes: what the back said, and what the front said.
    private static let recorded: (toFront: [UInt8], toBack: [UInt8]) = {
        let pair = Pair()
        pair.frontSide.onRequest = { request in
            request.stream.respond([":status": "200", "content-type": "application/grpc"], endStream: false)
            request.stream.write(.pattern(300))
            request.stream.finish(["grpc-status": "0", "grpc-message": "fine"])
        }
        var toFront = ByteBuffer()
        var toBack = ByteBuffer()
        do {
            for index in 0..<4 {
                guard let call = pair.open(.post, endStream: false) else { break }
                call.stream.write(.pattern(100 * index))
                if index < 3 { call.stream.finish(index == 1 ? ["x-trailer": "1"] : nil) }
                if index == 2 { pair.back.ping() }
                let sent = pair.back.produceAll()
                toFront.writeImmutableBuffer(sent)
                try pair.front.receive(sent)
                let answered = pair.front.produceAll()
                toBack.writeImmutableBuffer(answered)
                try pair.back.receive(answered)
            }
            pair.front.goaway(.noError)
            toBack.writeImmutableBuffer(pair.front.produceAll())
        } catch {
            preconditionFailure("recording: \(error)")
        }
        return (Array(toFront.readableBytesView), Array(toBack.readableBytesView))
    }()

    private func feed(_ bytes: [UInt8], role: HTTP2Role, _ random: inout SplitMix) {
        guard let peer = try? RawPeer(role: role, greets: false) else { return }
        var recorders: [StreamRecorder] = []
        if role == .back {
            for _ in 0..<4 {
                let recorder = StreamRecorder()
                recorder.consumes = Bool.random(using: &random)
                if let stream = peer.session.open(.post, endStream: false, delegate: recorder) {
                    recorder.stream = stream
                    stream.write(.pattern(500))
                    recorders.append(recorder)
                }
            }
        } else {
            peer.side.onRequest = { request in
                request.stream.respond(.ok, endStream: false)
                request.stream.write(.pattern(200))
                if !request.isTooLarge { request.stream.finish(["grpc-status": "0"]) }
            }
        }
        do {
            if role == .back { _ = peer.session.produceAll() }
            var rest = ByteBuffer(bytes: bytes)
            while rest.readableBytes > 0 {
                let count = Int.random(in: 1...max(1, min(rest.readableBytes, 200)), using: &random)
                if let piece = rest.readSlice(length: count) { try peer.session.receive(piece) }
                if Bool.random(using: &random) { _ = peer.session.produceAll() }
            }
            _ = peer.session.produceAll()
        } catch {
            // The session is over; that is what an error is for.
        }
        peer.session.connectionLost(.cancel)
        #expect(peer.session.streamCount == 0)
        #expect(peer.side.requests.allSatisfy { $0.recorder.closings == 1 })
        #expect(recorders.allSatisfy { $0.closings == 1 })
    }

    @Test(arguments: [HTTP2Role.front, .back])
    func randomBytesDoNotTrap(_ role: HTTP2Role) {
        for seed in 0..<2000 as Range<UInt64> {
            var random = SplitMix(seed: seed)
            let bytes = random.bytes(Int.random(in: 1...400, using: &random))
            let hasPreface = role == .front && seed.isMultiple(of: 2)
            feed((hasPreface ? RawFrame.preface + RawFrame.settings() : []) + bytes, role: role, &random)
        }
    }

    /// Frames with a valid header and a random type, flags, stream and payload come further than noise.
    @Test(arguments: [HTTP2Role.front, .back])
    func randomFramesDoNotTrap(_ role: HTTP2Role) {
        for seed in 0..<2000 as Range<UInt64> {
            var random = SplitMix(seed: seed)
            var bytes = (role == .front ? RawFrame.preface : []) + RawFrame.settings()
            for _ in 0..<Int.random(in: 1...20, using: &random) {
                let kind = RawFrame.Kind(rawValue: UInt8.random(in: 0...9, using: &random)) ?? .data
                let flags =
                    UInt8.random(in: 0...255, using: &random) & [0x0D, 0x2D, 0xFF].randomElement(using: &random)!
                let stream = UInt32.random(in: 0...7, using: &random)
                var payload = random.bytes(Int.random(in: 0...60, using: &random))
                if kind == .headers || kind == .continuation, Bool.random(using: &random) {
                    payload = RawFrame.block(RawFrame.request)
                }
                bytes += RawFrame.make(kind, flags: flags, stream: stream, payload)
            }
            feed(bytes, role: role, &random)
        }
    }

    @Test(arguments: [HTTP2Role.front, .back])
    func mutatedBytesDoNotTrap(_ role: HTTP2Role) {
        let recorded = role == .front ? Self.recorded.toFront : Self.recorded.toBack
        for seed in 0..<4000 as Range<UInt64> {
            var random = SplitMix(seed: seed)
            var bytes = recorded
            let start = role == .front ? RawFrame.preface.count : 0
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                let place = Int.random(in: start..<bytes.count, using: &random)
                switch Int.random(in: 0...4, using: &random) {
                case 0: bytes[place] = UInt8(truncatingIfNeeded: random.next())
                case 1: bytes[place] ^= 1 << UInt8.random(in: 0...7, using: &random)
                case 2: bytes.remove(at: place)
                case 3: bytes.insert(contentsOf: random.bytes(Int.random(in: 1...20, using: &random)), at: place)
                default:
                    let end = min(bytes.count, place + Int.random(in: 1...100, using: &random))
                    bytes.insert(contentsOf: bytes[place..<end], at: place)
                }
            }
            feed(bytes, role: role, &random)
        }
    }

    @Test(arguments: [HTTP2Role.front, .back])
    func everyBeginningOfAValidStreamIsSurvived(_ role: HTTP2Role) {
        let recorded = role == .front ? Self.recorded.toFront : Self.recorded.toBack
        var random = SplitMix(seed: 7)
        for count in 0...recorded.count { feed(Array(recorded[..<count]), role: role, &random) }
    }
}
