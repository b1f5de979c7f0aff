// rtbridge: tests that connections leave nothing behind.
// SPDX-License-Identifier: Apache-2.0
import COpenSSL
import NIOCore
import Synchronization
import Testing

@testable import NIOOpenSSL

@Suite struct LeakTests {
    /// A place in each `SSL` that OpenSSL reports to `freed` when the `SSL` goes (CRYPTO_get_ex_new_index(3)).
    private static let freed = Atomic(0)
    private static let place = CRYPTO_get_ex_new_index(CRYPTO_EX_INDEX_SSL, 0, nil, nil, nil) { _, mark, _, _, _, _ in
        if mark != nil { LeakTests.freed.add(1, ordering: .relaxed) }
    }

    private final class Weak {
        weak var object: AnyObject?
        init(_ object: AnyObject?) { self.object = object }
    }

    private enum Ending: CaseIterable { case clean, cut, failed, cutEarly, removed }

    @Test func thousandsOfConnectionsAreFreedHoweverTheyEnd() throws {
        var seen: [Weak] = []
        var marked = 0
        var mark = 0
        let clients = try [TLSContext.client(.trusting(alpn: ["h2"])), .client(.trusting(alpn: ["x"]))]
        let servers = try [TLSContext.server(.plain(alpn: ["h2"])), .server(.plain(alpn: ["h2"]))]
        servers[0].limitToTLS12()
        let before = Self.freed.load(ordering: .relaxed)
        for round in 0..<2000 {
            let ending = Ending.allCases[round % Ending.allCases.count]
            let pair = try Pair(client: clients[ending == .failed ? 1 : 0], server: servers[round / 5 % 2])
            try pair.start()
            for end in [pair.client, pair.server] {
                let connection = try #require(end.handler.connection)
                SSL_set_ex_data(connection.ssl, Self.place, &mark)
                marked += 1
                seen += [Weak(connection), Weak(end.handler)]
            }
            _ = pair.client.write("hello")
            pair.client.flush()
            if ending != .cutEarly { try pair.pump() }
            switch ending {
            case .clean:
                #expect(pair.server.owner.text == "hello")
                try pair.client.channel.close().wait()
                try pair.pump()
                try pair.server.channel.close().wait()
            case .removed:
                try pair.client.channel.pipeline.syncOperations.removeHandler(pair.client.handler).wait()
            case .cut, .failed, .cutEarly: break
            }
            pair.finish()
        }
        #expect(Self.freed.load(ordering: .relaxed) - before == marked)
        #expect(seen.count { $0.object != nil } == 0)
    }

    @Test func contextsAndCredentialsAreFreed() throws {
        var seen: [Weak] = []
        for _ in 0..<20 {
            let credentials = try TLSCredentials.selfSigned(names: ["localhost"])
            let context = try TLSContext.server(TLSServerOptions(credentials: [credentials], alpn: ["h2"]))
            seen += [Weak(credentials.storage), Weak(context)]
        }
        #expect(seen.count { $0.object != nil } == 0)
    }
}
