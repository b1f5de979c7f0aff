// rtbridge: who sends datagrams, and where to.
// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// What makes a session of UDP: the client's address and port, and the address that it sends to.
struct UDPPeer: Hashable {
    let client: SocketAddress
    /// Where answers come from; nil where the listener has one address alone.
    let local: SocketAddress?

    init(_ envelope: AddressedEnvelope<ByteBuffer>) {
        client = envelope.remoteAddress
        local = envelope.metadata?.packetInfo?.destinationAddress
    }

    /// The IP address, as limits and logs know a client.
    var name: String { client.ipAddress ?? "" }
}
