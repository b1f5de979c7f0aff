// rtbridge: the messages of grpc.health.v1, and what is none.
// SPDX-License-Identifier: Apache-2.0

import BridgeWire
import NIOCore
import Testing

struct HealthMessageTests {
    /// A gRPC frame around a HealthCheckRequest with `service = 1` (gRPC health-checking.md).
    private static func frame(_ message: [UInt8], flag: UInt8 = 0, length: UInt32? = nil) -> ByteBuffer {
        var frame = ByteBuffer(integer: flag)
        frame.writeInteger(length ?? UInt32(message.count))
        frame.writeBytes(message)
        return frame
    }

    private static func request(_ service: String) -> ByteBuffer {
        let name = Array(service.utf8)
        let length: [UInt8] =
            name.count < 128 ? [UInt8(name.count)] : [UInt8(name.count & 0x7F) | 0x80, UInt8(name.count >> 7)]
        return frame([0x0A] + length + name)
    }

    @Test(arguments: ["greeter", "x", "größer", String(repeating: "long", count: 500)])
    func theServiceIsRead(_ service: String) {
        #expect(HealthMessage.service(Self.request(service)) == service)
    }

    /// proto3: a field of its default value is left out, or not.
    @Test func noServiceIsTheEmptyOne() {
        #expect(HealthMessage.service(Self.frame([])) == "")
        #expect(HealthMessage.service(Self.frame([0x0A, 0])) == "")
    }

    private static let garbage: [ByteBuffer] = [
        ByteBuffer(), ByteBuffer(bytes: [0, 0, 0]), frame([], flag: 1), frame([0x0A, 1], length: 1),
        frame([0x0A, 1, 0x78], length: 4), frame([0x0A, 1, 0x78], length: UInt32.max), frame([0x12, 1, 0x78]),
        frame([0x0A]), frame([0x0A, 2, 0x78]), frame([0x0A, 0, 0x78]),
        frame([0x0A, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F]),
        frame([0x0A, 0xFF, 0xFF, 0xFF, 0x7F]), frame([0x0A, 0x80, 0x80, 0x80]),
    ]

    @Test(arguments: 0..<garbage.count)
    func whatIsNoRequestIsNone(_ index: Int) {
        #expect(HealthMessage.service(Self.garbage[index]) == nil)
    }

    @Test func randomBytesDoNotTrap() {
        for seed in 0..<20_000 as Range<UInt64> {
            var random = SeededRandom(seed: seed)
            var bytes = (0..<Int.random(in: 0...24, using: &random)).map { _ in
                UInt8(truncatingIfNeeded: random.next())
            }
            if seed.isMultiple(of: 2), bytes.count >= 5 {
                bytes.replaceSubrange(0..<5, with: [0, 0, 0, 0, UInt8(bytes.count - 5)])
                if bytes.count > 5 { bytes[5] = 0x0A }
            }
            let service = HealthMessage.service(ByteBuffer(bytes: bytes))
            #expect(service.map { $0.utf8.count <= bytes.count * 3 } ?? true, "seed \(seed)")
        }
    }

    @Test(arguments: ["", "greeter", String(repeating: "long", count: 500)])
    func aRequestThatIsMadeIsRead(_ service: String) {
        #expect(HealthMessage.service(HealthMessage.request(service)) == service)
    }

    /// `HealthCheckResponse { ServingStatus status = 1; }`: SERVING is 1, NOT_SERVING is 2, SERVICE_UNKNOWN is 3.
    @Test func theAnswerIsItsStatus() {
        #expect(HealthMessage.response(.serving) == Self.frame([0x08, 1]))
        #expect(HealthMessage.response(.notServing) == Self.frame([0x08, 2]))
        #expect(HealthMessage.response(.serviceUnknown) == Self.frame([0x08, 3]))
    }

    /// proto3 leaves out a field of its default value: UNKNOWN is 0.
    @Test(
        arguments: [
            ([], HealthMessage.Status.unknown), ([0x08, 0], .unknown), ([0x08, 1], .serving), ([0x08, 2], .notServing),
            ([0x08, 3], .serviceUnknown), ([0x08, 4], nil), ([0x08], nil), ([0x08, 1, 1], nil), ([0x0A, 1], nil),
            ([0x08, 0x80, 0x80, 0x80, 0x01], nil),
        ] as [([UInt8], HealthMessage.Status?)])
    func aStatusIsRead(_ message: [UInt8], _ status: HealthMessage.Status?) {
        #expect(HealthMessage.status(ByteBuffer(bytes: message)) == status)
    }
}
