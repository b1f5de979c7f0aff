// rtbridge: what is kept for a client ends with it.
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import BridgeCore

struct KeptForClientsTests {
    private final class One: KeptForClient {
        private(set) var endings = 0
        func clientEnded() { endings += 1 }
    }

    private static func client() -> ConnectionInfo { ConnectionInfo(listener: "l", isTLS: false, client: "192.0.2.1") }

    @Test func whatIsKeptHearsOfItsOwnClientsEndOnce() {
        let (kept, client, other) = (KeptForClients(), Self.client(), Self.client())
        let (first, second, theirs) = (One(), One(), One())
        kept.add(first, for: client)
        kept.add(second, for: client)
        kept.add(theirs, for: other)
        kept.ended(client)
        kept.ended(client)
        #expect([first, second, theirs].map(\.endings) == [1, 1, 0])
    }

    @Test func whatIsGoneHearsNothingAndLeavesNothing() {
        let (kept, client, one) = (KeptForClients(), Self.client(), One())
        kept.add(one, for: client)
        kept.remove(one, for: client)
        kept.remove(one, for: client)
        #expect(kept.isEmpty)
        kept.ended(client)
        #expect(one.endings == 0)
    }
}
