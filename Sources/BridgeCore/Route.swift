// rtbridge: routes as the workers use them.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgeTelemetry
import BridgeWire
import NIOCore

/// A back-end as one worker sees it: makes the back legs of exchanges.
public protocol BackConnector: AnyObject {
    func makeLeg() -> any BackLeg
    /// Whether the back-end can be reached now: connects, and for gRPC waits for its SETTINGS.
    /// Completes with nil, or with why not.
    func probe(_ done: @escaping (Failure?) -> Void)
    /// Why a session of this client would find no room now; nil: it would, unless others come first. For fronts that are
    /// asked by anybody, as often as he likes, and do not want to begin what cannot be.
    func refusal(client: String) -> String?
    /// Closes what is idle, and all the rest as it ends.
    func shutdown()
}

extension BackConnector {
    public func refusal(client: String) -> String? { nil }
}

/// A route together with its worker's connector.
public final class WorkerRoute {
    public let config: Route
    public let connector: any BackConnector
    /// Pre-computed: see ``CORSPolicy``.
    public let cors: CORSPolicy?
    public let isBrief: Bool
    /// Whether sessions outlive their back-end: asked for each call, and cheaper than a look at the options.
    let reconnects: Bool
    /// How long a call or session may be silent, and a session of datagrams: converted once, not for each.
    public let idle: TimeAmount?
    public let datagramIdle: TimeAmount?
    /// Where calls and sessions wait to have been silent for so long.
    let idleWatch: IdleWatch?

    /// The worker's, of this route.
    public let counters: RouteCounters

    public init(config: Route, connector: any BackConnector, counters: RouteCounters = RouteCounters()) {
        self.config = config
        self.counters = counters
        self.connector = connector
        cors = config.cors.map(CORSPolicy.init)
        isBrief = config.errorDetail == .brief
        reconnects = config.reconnect != nil
        idle = config.timeouts.idle.map { TimeAmount($0) }
        datagramIdle = config.udp.idle.map { TimeAmount($0) }
        idleWatch = (config.backend.protocol == .udp ? datagramIdle : idle).map { IdleWatch(after: $0) }
    }

    public var name: String { config.name }
}

/// The routes of one listener, in the order of the file.
public final class RouteTable {
    private let routes: [WorkerRoute]
    private let matchers: [RouteMatcher]
    private let index: RouteIndex

    public init(_ routes: [WorkerRoute]) {
        self.routes = routes
        matchers = routes.map { RouteMatcher($0.config.match) }
        index = RouteIndex(matchers)
    }

    /// The first route that matches, as the file says.
    public func find(_ head: RequestHead, _ name: FrontProtocolName) -> WorkerRoute? {
        var best = routes.count
        index.forEachGroup(head) { group in
            for number in group {
                guard number < best else { return }
                guard matchers[number].matches(head, name) else { continue }
                best = number
                return
            }
        }
        return best < routes.count ? routes[best] : nil
    }

    /// Whether the file has `route` before `other`.
    public func isBefore(_ route: WorkerRoute, _ other: WorkerRoute) -> Bool {
        (routes.firstIndex { $0 === route } ?? 0) < (routes.firstIndex { $0 === other } ?? 0)
    }

    /// What this request would match if it spoke another protocol: for an error that names the right one.
    public func protocols(at head: RequestHead) -> [FrontProtocolName] {
        var numbers: [Int] = []
        index.forEachGroup(head) { group in numbers += group.filter { matchers[$0].matchesPlace(head) } }
        var names: [FrontProtocolName] = []
        for number in numbers.sorted() { names += matchers[number].protocols.filter { !names.contains($0) } }
        return names
    }
}
