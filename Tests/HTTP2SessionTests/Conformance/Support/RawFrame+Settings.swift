// rtbridge: more of a frame's numbers.
// SPDX-License-Identifier: Apache-2.0

extension RawFrame {
    static let padded: UInt8 = 0x8
    static let priority: UInt8 = 0x20

    /// The settings of RFC 9113 §6.5.2, RFC 8441 §3 and RFC 9218 §2.1.
    enum Setting {
        static let headerTableSize: UInt16 = 1
        static let enablePush: UInt16 = 2
        static let maxConcurrentStreams: UInt16 = 3
        static let initialWindowSize: UInt16 = 4
        static let maxFrameSize: UInt16 = 5
        static let maxHeaderListSize: UInt16 = 6
        static let enableConnectProtocol: UInt16 = 8
        static let noRFC7540Priorities: UInt16 = 9
    }
}
