// rtbridge: the names among a back-end's endpoints, resolved now and again.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgeCore
import NIOCore
import NIOPosix

/// Resolves names as they are first used, and again with the first use after `dnsRefresh`. What is under way does not
/// wait for the latter; a name that does not resolve any more keeps its last addresses.
final class NameRefresh {
    private unowned let set: EndpointSet
    private let hasNames: Bool
    private let refreshAfter: TimeAmount?
    private var resolvedAt: NIODeadline?
    private var isResolving = false
    private var began: NIODeadline?
    private(set) var lastResolution: (began: NIODeadline, took: TimeAmount)?
    private var waiting: [(Failure?) -> Void] = []
    private var known: [Address: [Address]] = [:]

    init(_ set: EndpointSet) {
        self.set = set
        refreshAfter = set.backend.dnsRefresh.map { TimeAmount($0) }
        hasNames = Self.literals(set.backend.endpoints).count < set.backend.endpoints.count
    }

    var isCurrent: Bool {
        guard hasNames else { return true }
        guard let resolvedAt else { return false }
        return refreshAfter.map { set.worker.now - resolvedAt <= $0 } ?? true
    }

    static func literals(_ endpoints: [Address]) -> [Address] { endpoints.filter(isLiteral) }

    private static func isLiteral(_ address: Address) -> Bool {
        switch address {
        case .host(let host, let port): (try? SocketAddress(ipAddress: host, port: port)) != nil
        case .unix: true
        }
    }

    func whenResolved(_ done: @escaping (Failure?) -> Void) {
        guard hasNames else { return done(nil) }
        guard resolvedAt == nil else {
            if !isCurrent { resolve() }
            return done(nil)
        }
        waiting.append(done)
        resolve()
    }

    func shutdown() { waiting = [] }

    private func resolve() {
        guard !isResolving else { return }
        isResolving = true
        began = set.worker.now
        let names = set.backend.endpoints.filter { !Self.isLiteral($0) }
        let worker = set.worker
        let set = set
        NIOThreadPool.singleton.runIfActive(eventLoop: worker.eventLoop) {
            names.map { ($0, NameResolver.resolve($0)) }
        }.assumeIsolated().whenComplete { [self] result in
            worker.refreshClock()
            resolved((try? result.get()) ?? [])
            _ = set
        }
    }

    private func resolved(_ answers: [(Address, [Address])]) {
        isResolving = false
        lastResolution = began.map { ($0, set.worker.now - $0) }
        for (name, addresses) in answers where !addresses.isEmpty { known[name] = addresses }
        var all: [Address] = []
        var hosts: [Address: String] = [:]
        for endpoint in set.backend.endpoints {
            for address in known[endpoint] ?? (Self.isLiteral(endpoint) ? [endpoint] : []) where !all.contains(address)
            {
                all.append(address)
                hosts[address] = endpoint.host
            }
        }
        set.replace(all, hosts: hosts)
        let callers = waiting
        waiting = []
        guard all.isEmpty else {
            resolvedAt = set.worker.now
            for done in callers { done(nil) }
            return
        }
        let text = set.backend.endpoints.first.map(Dialer.text)
        let failure = Failure(.resolveFailed, .back, .resolve, "the name does not resolve", address: text)
        for done in callers { done(failure) }
    }
}

@available(*, unavailable)
extension NameRefresh: Sendable {}
