// rtbridge: the whole bridge, from start to the end of its drain.
// SPDX-License-Identifier: Apache-2.0

import BridgeBacks
import BridgeConfig
import BridgeCore
import BridgePolicy
import BridgeTelemetry
import Logging
import NIOCore
import NIOPosix

/// A running bridge: one event loop a worker, each with its own listeners' sockets, back-end connections and timers.
public final class Bridge: Sendable {
    private static let adminName = "admin"
    private static let probeInterval = TimeAmount.seconds(2)
    private static let drainPollInterval = Duration.milliseconds(20)

    /// Where the listeners can be reached, the admin listener last.
    public let listening: [Listening]
    public let health: HealthState

    private let group: MultiThreadedEventLoopGroup
    private let workers: [NIOLoopBound<WorkerState>]
    private let publicChannels: [any Channel]
    /// Of udp listeners: what they answer goes out of them until the end.
    private let datagramChannels: [any Channel]
    /// With their listeners' names.
    private let unixListeners: [(name: String, unix: UnixListener)]
    private let adminChannels: [any Channel]
    private let drainTime: Duration
    private let logger: Logger
    private let accessLog: AccessLog?
    private let probes: RepeatedTask?

    /// Binds every listener. When this returns, connections are taken.
    ///
    /// - Parameter pages: paths that every public listener answers by itself.
    /// - Throws: ``BridgeStartError``; nothing is left running then.
    public static func start(
        _ document: Document, logger: Logger, accessLog: AccessLog?, pages: LocalPages = LocalPages()
    ) async throws -> Bridge {
        var listeners = document.listeners
        if let admin = document.admin { listeners.append(Listener(name: Self.adminName, address: admin.address)) }
        let shared = try listeners.enumerated().map { index, listener in
            let isAdmin = index >= document.listeners.count
            let tls = try listener.makeTLSContext { logger.warning($0, metadata: $1) }
            return ListenerShared(listener, tls: tls, isAdmin: isAdmin)
        }
        let tls = try BackTLSTable(document)
        let health = HealthState(requiredBackends: document.health.requireBackends)
        let registry = WorkerRegistry()
        let blueprint = Blueprint(
            document: document, listeners: shared, health: health,
            healthPages: .health(document.health, health), pages: pages,
            adminPages: .admin(registry, health),
            limiters: document.routes.map {
                SessionLimiter(maximum: $0.udp.maxSessions, maximumPerClient: $0.udp.maxSessionsPerClient)
            },
            breakers: Dictionary(
                (document.backends + document.routes.map(\.backend)).compactMap { backend in
                    backend.circuitBreaker.map { (backend.name, CircuitBreaker($0)) }
                }, uniquingKeysWith: { first, _ in first }),
            tls: tls)
        let count = document.workers > 0 ? document.workers : System.coreCount
        let group = MultiThreadedEventLoopGroup(numberOfThreads: count)
        do {
            let workers = try await makeWorkers(group, blueprint, logger, accessLog)
            registry.set(workers)
            return try await Bridge(document, listeners, group, workers, health, logger, accessLog)
        } catch {
            try? await group.shutdownGracefully()
            throw error
        }
    }

    private static func makeWorkers(
        _ group: MultiThreadedEventLoopGroup, _ blueprint: Blueprint, _ logger: Logger, _ accessLog: AccessLog?
    ) async throws -> [NIOLoopBound<WorkerState>] {
        var workers: [NIOLoopBound<WorkerState>] = []
        let sessions = SessionDirectory()
        for (index, loop) in group.makeIterator().enumerated() {
            let worker = try await loop.submit {
                let worker = Worker(
                    eventLoop: loop, index: index, logger: logger, accessLog: accessLog, sessions: sessions)
                return NIOLoopBound(WorkerState(worker: worker, blueprint), eventLoop: loop)
            }.get()
            workers.append(worker)
        }
        return workers
    }

    private init(
        _ document: Document, _ listeners: [Listener], _ group: MultiThreadedEventLoopGroup,
        _ workers: [NIOLoopBound<WorkerState>], _ health: HealthState, _ logger: Logger, _ accessLog: AccessLog?
    ) async throws {
        var listening: [Listening] = []
        var unixListeners: [(name: String, unix: UnixListener)] = []
        var publicChannels: [any Channel] = []
        var datagramChannels: [any Channel] = []
        var adminChannels: [any Channel] = []
        do {
            for (index, listener) in listeners.enumerated() {
                let (place, channels, unix) = try await ListenerBinder.bind(listener, index: index, workers, group)
                listening.append(place)
                if let unix { unixListeners.append((listener.name, unix)) }
                if index >= document.listeners.count {
                    adminChannels += channels
                } else if listener.withoutHTTP == .udp {
                    datagramChannels += channels
                } else {
                    publicChannels += channels
                }
            }
        } catch {
            for (_, unix) in unixListeners { unix.remove() }
            throw error
        }
        self.listening = listening
        self.unixListeners = unixListeners
        self.publicChannels = publicChannels
        self.datagramChannels = datagramChannels
        self.adminChannels = adminChannels
        self.group = group
        self.workers = workers
        self.health = health
        self.logger = logger
        self.accessLog = accessLog
        drainTime = document.shutdown.drain
        if document.health.requireBackends.isEmpty {
            probes = nil
        } else {
            let first = workers[0]
            probes = first.eventLoop.scheduleRepeatedTask(initialDelay: .zero, delay: Self.probeInterval) { _ in
                first.value.probeRequired(health)
            }
        }
        health.listening()
    }

    /// Takes no more connections, tells clients (GOAWAY, `connection: close`, close code 1001), lets what is in flight
    /// end for at most `shutdown.drain`, and stops. The admin listener answers until the end.
    public func shutdown() async {
        health.draining()
        for channel in publicChannels { try? await channel.close() }
        for (name, unix) in unixListeners where name != Self.adminName { unix.remove() }
        await onWorkers { $0.drain() }
        let end = ContinuousClock.now + drainTime
        while ContinuousClock.now < end, await !isDrained() {
            try? await Task.sleep(for: Self.drainPollInterval)
        }
        if await !isDrained() {
            logger.notice("drain time is over, closing what is left", metadata: ["delay": "\(drainTime)"])
        }
        probes?.cancel()
        for channel in adminChannels { try? await channel.close() }
        for (name, unix) in unixListeners where name == Self.adminName { unix.remove() }
        await onWorkers { $0.stop() }
        for channel in datagramChannels { try? await channel.close() }
        try? await group.shutdownGracefully()
        accessLog?.flush()
    }

    private func isDrained() async -> Bool {
        for worker in workers {
            guard (try? await worker.eventLoop.submit { worker.value.isDrained }.get()) ?? true else { return false }
        }
        return true
    }

    private func onWorkers(_ body: @escaping @Sendable (WorkerState) -> Void) async {
        for worker in workers { try? await worker.eventLoop.submit { body(worker.value) }.get() }
    }
}
