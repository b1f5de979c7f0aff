// rtbridge: the masking keys of a client's frames.
// SPDX-License-Identifier: Apache-2.0
import COpenSSL

/// RFC 6455 §5.3: "The masking key needs to be unpredictable; thus, the masking key MUST be derived from a strong source
/// of entropy". Here it is libcrypto's generator, asked once for 64 frames.
public struct WebSocketMaskKeys {
    private static let count = 64

    private var keys: [UInt32] = []

    public init() {}

    public mutating func next() -> UInt32 {
        if let key = keys.popLast() { return key }
        COpenSSL_start()
        keys = [UInt32](unsafeUninitializedCapacity: Self.count) { buffer, count in
            let bytes = UnsafeMutableRawBufferPointer(buffer)
            let isDone = RAND_bytes(bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), Int32(bytes.count))
            precondition(isDone == 1, "libcrypto has no random bytes: RFC 6455 §5.3 needs them")
            count = Self.count
        }
        return keys.removeLast()
    }
}
