// rtbridge: what frames that were not written hold.
// SPDX-License-Identifier: Apache-2.0

import BridgeCore
import BridgeWire
import NIOCore

/// Takes frames of ours apart again, so that another session can have what is in them.
enum WebSocketUnwritten {
    /// - Parameter frames: each a whole frame but perhaps the first, if that is cut; it goes with the rest of its message
    ///   and is left as it is.
    static func payloads(of frames: Unwritten) -> Unwritten {
        var payloads = frames
        var isCut = frames.isCut
        for index in payloads.pieces.indices {
            let flags = payloads.pieces[index].flags
            if !isCut { payloads.pieces[index].bytes = WebSocketEncoder.payload(of: payloads.pieces[index].bytes) }
            if flags.contains(.endsMessage) { isCut = false }
        }
        return payloads
    }
}
