// rtbridge: the stream of a call on a connection to its back-end.
// SPDX-License-Identifier: Apache-2.0

import BridgeWire
import HTTP2Session
import NIOCore

/// Tells its leg of what happens, until it is closed: then the leg forgets it.
final class GRPCBackStream: HTTP2Stream {
    let leg: GRPCBackLeg

    init(of session: HTTP2Session, _ leg: GRPCBackLeg) {
        self.leg = leg
        super.init(session: session)
    }

    override func http2Fields(_ fields: consuming FieldBlock, kind: HTTP2FieldsKind, isTooLarge: Bool) {
        leg.http2Fields(fields, kind: kind, isTooLarge: isTooLarge)
    }

    override func http2Body(_ bytes: ByteBuffer) { leg.http2Body(bytes) }

    override func http2Ended() { leg.http2Ended() }

    override func http2Writable() { leg.http2Writable() }

    override func http2Closed(_ errorCode: HTTP2ErrorCode, wasNotSent: Bool) {
        leg.http2Closed(errorCode, wasNotSent: wasNotSent)
    }
}
