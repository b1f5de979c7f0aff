// rtbridge: what the peer of an HTTP/2 connection says in its SETTINGS.
// SPDX-License-Identifier: Apache-2.0

/// Settings of RFC 9113 §6.5.2 and RFC 8441 §3 that bind us.
struct HTTP2PeerSettings {
    enum Identifier: UInt16 {
        case headerTableSize = 0x1, enablePush, maxConcurrentStreams, initialWindowSize, maxFrameSize, maxHeaderListSize
        case enableConnectProtocol = 0x8
    }

    /// RFC 9113 §6.9.2: "When an HTTP/2 connection is first established, new streams are created with an initial flow-control
    /// window size of 65,535 octets."
    static let defaultWindow = 65_535
    /// RFC 9113 §6.9.1.
    static let maximumWindow = 0x7FFF_FFFF
    /// What RFC 9113 §6.5.2 recommends peers to allow at least; assumed until they have said.
    static let assumedStreams: UInt32 = 100

    var maxConcurrentStreams = assumedStreams
    var initialWindow = defaultWindow
    private var enablesConnectProtocol = false

    /// - Parameter role: ours.
    /// - Returns: what is wrong with the value; nil: nothing.
    mutating func set(_ identifier: Identifier, _ value: UInt32, in role: HTTP2Role) -> HTTP2SessionError? {
        switch identifier {
        case .enablePush:
            // RFC 9113 §6.5.2: "A client MUST treat receipt of a SETTINGS frame with SETTINGS_ENABLE_PUSH set to 1 as a
            // connection error".
            guard value <= 1, role == .front || value == 0 else {
                return .init(.protocolError, "SETTINGS_ENABLE_PUSH is \(value)")
            }
        case .maxConcurrentStreams:
            maxConcurrentStreams = value
        case .initialWindowSize:
            guard value <= Self.maximumWindow else {
                return .init(.flowControlError, "SETTINGS_INITIAL_WINDOW_SIZE is \(value)")
            }
            initialWindow = Int(value)
        case .maxFrameSize:
            guard (16_384...16_777_215).contains(value) else {
                return .init(.protocolError, "SETTINGS_MAX_FRAME_SIZE is \(value)")
            }
        case .enableConnectProtocol:
            // RFC 8441 §3: "A sender MUST NOT send a SETTINGS_ENABLE_CONNECT_PROTOCOL parameter with the value of 0 after
            // previously sending a value of 1."
            guard value <= 1, value == 1 || !enablesConnectProtocol else {
                return .init(.protocolError, "SETTINGS_ENABLE_CONNECT_PROTOCOL is \(value)")
            }
            enablesConnectProtocol = value == 1
        case .headerTableSize, .maxHeaderListSize:
            break
        }
        return nil
    }
}
