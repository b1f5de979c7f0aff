// rtbridge: tests of gRPC's frames.
// SPDX-License-Identifier: Apache-2.0
import NIOCore
import Testing

@testable import BridgeWire

/// A frame of gRPC (gRPC doc/PROTOCOL-HTTP2.md, "Length-Prefixed-Message"), made without the code under test.
func frame(_ message: [UInt8], flags: UInt8 = 0) -> [UInt8] {
    [flags] + (0..<4).reversed().map { UInt8(truncatingIfNeeded: message.count >> (8 * $0)) } + message
}

@Suite struct GRPCFrameScannerTests {
    private func scan(_ pieces: [[UInt8]], limit: Int = 1000) -> (scanner: GRPCFrameScanner, error: GRPCFrameError?) {
        var scanner = GRPCFrameScanner(maxMessageBytes: limit)
        do throws(GRPCFrameError) {
            for piece in pieces {
                try ByteBuffer(bytes: piece).withUnsafeReadableBytes { (bytes) throws(GRPCFrameError) in
                    try scanner.scan(bytes)
                }
            }
        } catch {
            return (scanner, error)
        }
        return (scanner, nil)
    }

    @Test(arguments: Cut.all)
    func framesAreCountedAndTheirEndsKnown(cut: Cut) {
        let bytes = frame([]) + frame([1, 2, 3]) + frame([0x80, 0xFF], flags: 1)
        let boundaries: Set<Int> = [0, 5, 13, 20]
        for count in 0...bytes.count {
            let result = scan(cut.pieces(of: Array(bytes[..<count])))
            #expect(result.error == nil)
            #expect(result.scanner.isAtBoundary == boundaries.contains(count), "\(count) bytes, \(cut)")
            #expect(
                result.scanner.frameCount == (count < 5 ? 0 : count < 10 ? 1 : count < 18 ? 2 : 3),
                "\(count) bytes, \(cut)")
        }
    }

    @Test(arguments: Cut.all)
    func illegalFlagsAreRefusedAtTheirByte(cut: Cut) {
        for flags in UInt8(2)...255 {
            let error: GRPCFrameError = flags & 0xFE == 0x80 ? .trailersFrame : .badFlags(flags)
            #expect(scan(cut.pieces(of: frame([1]) + [flags])).error == error, "\(flags), \(cut)")
        }
        #expect(GRPCFrameError.trailersFrame.status.code == .internal)
        #expect(GRPCFrameError.badFlags(2).status.code == .internal)
    }

    @Test(arguments: Cut.all)
    func aMessageAboveTheLimitIsRefusedAtItsPrefix(cut: Cut) {
        let error = scan(cut.pieces(of: "00 000003e9".hex)).error
        #expect(
            error?.status
                == GRPCStatus(.resourceExhausted, "a message of 1001 bytes is larger than maxMessageBytes (1000)"))
        #expect(scan(cut.pieces(of: "00 000003e8".hex)).error == nil)
        #expect(scan(cut.pieces(of: "00 ffffffff".hex)).error?.status.code == .resourceExhausted)
        #expect(scan(cut.pieces(of: "00 ffffffff".hex), limit: .max).error == nil)
    }
}
