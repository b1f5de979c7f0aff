// rtbridge: what is kept for one client's connection, and no longer than that.
// SPDX-License-Identifier: Apache-2.0

/// Something that serves the requests of one client's connection alone.
public protocol KeptForClient: AnyObject {
    /// The client's connection is closed: nobody will ask for it any more.
    func clientEnded()
}

/// A worker's clients, those of them for whom something is kept. Belongs to its event loop.
public final class KeptForClients {
    private var kept: [ObjectIdentifier: [ObjectIdentifier: any KeptForClient]] = [:]

    init() {}

    /// - Parameter client: held by what is kept, so that no other takes its identity.
    public func add(_ one: any KeptForClient, for client: ConnectionInfo) {
        kept[ObjectIdentifier(client), default: [:]][ObjectIdentifier(one)] = one
    }

    public func remove(_ one: any KeptForClient, for client: ConnectionInfo) {
        let key = ObjectIdentifier(client)
        kept[key]?[ObjectIdentifier(one)] = nil
        if kept[key]?.isEmpty == true { kept[key] = nil }
    }

    /// To be told of every client's connection at its end.
    public func ended(_ client: ConnectionInfo) {
        guard !kept.isEmpty, let all = kept.removeValue(forKey: ObjectIdentifier(client)) else { return }
        for one in all.values { one.clientEnded() }
    }

    var isEmpty: Bool { kept.isEmpty }
}

@available(*, unavailable)
extension KeptForClients: Sendable {}
