// rtbridge: what a session's connection was told.
// SPDX-License-Identifier: Apache-2.0

import BridgeWire
import HTTP2Session
import NIOCore

/// Notes what a session says, and gives every stream that its peer opens a ``StreamRecorder``.
final class SessionRecorder: HTTP2SessionDelegate {
    struct Request {
        let stream: HTTP2Stream
        let fields: FieldBlock
        let isTooLarge: Bool
        let endStream: Bool
        let recorder: StreamRecorder
    }

    private(set) var requests: [Request] = []
    private(set) var settings = 0
    private(set) var goaways: [Int32] = []
    private(set) var goawayCodes: [HTTP2ErrorCode] = []
    private(set) var pingAcknowledgements = 0
    private(set) var outputs = 0
    /// Off for tests that open very many streams.
    var keepsRequests = true
    var consumes = true
    /// Called after a request was noted.
    var onRequest: (Request) -> Void = { _ in }

    func http2Request(_ stream: HTTP2Stream, _ fields: FieldBlock, isTooLarge: Bool, endStream: Bool) {
        let recorder = StreamRecorder()
        recorder.stream = stream
        recorder.consumes = consumes
        stream.delegate = recorder
        let request = Request(
            stream: stream, fields: fields, isTooLarge: isTooLarge, endStream: endStream, recorder: recorder)
        if keepsRequests { requests.append(request) }
        onRequest(request)
    }

    func http2Settings() { settings += 1 }

    func http2Goaway(lastStreamID: Int32, errorCode: HTTP2ErrorCode) {
        goaways.append(lastStreamID)
        goawayCodes.append(errorCode)
    }

    func http2PingAcknowledged() { pingAcknowledgements += 1 }
    func http2HasOutput() { outputs += 1 }
    func forget() { requests = [] }
}
