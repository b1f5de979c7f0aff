// rtbridge: the demo's gRPC back-end: helloworld.Greeter on loopback.
// SPDX-License-Identifier: Apache-2.0

import HTTP2Session
import NIOCore

/// A gRPC server over cleartext HTTP/2 with prior knowledge (RFC 9113 §3.3), with all four kinds of call:
///
/// ```
/// service Greeter {
///   rpc SayHello (HelloRequest) returns (HelloReply);                       // "Hello, NAME!"
///   rpc SayHelloStreamReply (HelloRequest) returns (stream HelloReply);     // ten, 500 ms apart
///   rpc SayHelloClientStream (stream HelloRequest) returns (HelloReply);    // "Hello, A, B and C!"
///   rpc SayHelloBidiStream (stream HelloRequest) returns (stream HelloReply);
/// }
/// message HelloRequest { string name = 1; }
/// message HelloReply { string message = 1; }
/// ```
///
/// Deadlines are left to the caller: a stream ends when the caller resets it.
public actor DemoGreeter {
    /// Further connections are closed as they come.
    private static let maximumConnections = 256

    private let replyInterval: TimeAmount
    private var listener: LoopbackListener?

    /// - Parameter replyInterval: between two replies of SayHelloStreamReply.
    public init(replyInterval: TimeAmount = .milliseconds(500)) { self.replyInterval = replyInterval }

    /// Listens on 127.0.0.1. Everything runs on one loop of `group`.
    /// - Returns: the address, with the port that the system chose.
    public func start(on group: any EventLoopGroup) async throws -> SocketAddress {
        precondition(listener == nil, "DemoGreeter.start: called twice")
        let replyInterval = replyInterval
        let opened = try await LoopbackListener.open(
            on: group.next(), maximumConnections: Self.maximumConnections
        ) { channel in
            try channel.pipeline.syncOperations.addHandler(GreeterConnection(replyInterval: replyInterval))
        }
        listener = opened
        return opened.address
    }

    /// Closes the listener and every connection.
    public func stop() async {
        await listener?.close()
        listener = nil
    }
}
