// rtbridge: whether one match takes all that another would.
// SPDX-License-Identifier: Apache-2.0

/// The requests that a match takes, in a form that can be compared.
struct MatchScope {
    private enum PathCondition {
        case exact(String)
        case prefix(String)

        func covers(_ other: PathCondition) -> Bool {
            switch (self, other) {
            case (.exact(let mine), .exact(let theirs)): mine == theirs
            case (.prefix(let mine), .exact(let theirs)), (.prefix(let mine), .prefix(let theirs)):
                theirs.hasPrefix(mine)
            case (.exact, .prefix): false
            }
        }
    }

    private let match: Match
    /// nil: all of them.
    private let listener: String?
    /// All must hold.
    private let paths: [PathCondition]

    init(_ match: Match, listeners: [Listener]) {
        self.match = match
        listener = listeners.count == 1 ? nil : match.listener
        paths = Self.conditions(match)
    }

    /// Whether every request that `other` takes is taken by this as well.
    func covers(_ other: MatchScope) -> Bool {
        (listener == nil || listener == other.listener)
            && other.match.protocols.allSatisfy(match.protocols.contains)
            && paths.allSatisfy { mine in other.paths.contains { mine.covers($0) } }
            && coversHost(of: other)
            && match.headers.allSatisfy(other.match.headers.contains)
            && (match.serverNames.isEmpty
                || other.match.serverNames.allSatisfy(match.serverNames.contains)
                    && !other.match.serverNames.isEmpty)
    }

    private func coversHost(of other: MatchScope) -> Bool {
        switch (match.host, other.match.host) {
        case (nil, _): true
        case (.exact(let mine), .exact(let theirs)): mine == theirs
        case (.suffix(let mine), .exact(let theirs)), (.suffix(let mine), .suffix(let theirs)): theirs.hasSuffix(mine)
        case (.exact, .suffix), (.some, nil): false
        }
    }

    /// What must hold of the path. gRPC over HTTP/2, Requests: `Path → ":path" "/" Service-Name "/" {method name}`.
    private static func conditions(_ match: Match) -> [PathCondition] {
        var conditions: [PathCondition] = []
        if let path = match.path { conditions.append(.exact(path)) }
        // Every path begins with a slash.
        if let prefix = match.pathPrefix, prefix != "/" { conditions.append(.prefix(prefix)) }
        if let service = match.service {
            conditions.append(match.method.map { .exact("/\(service)/\($0)") } ?? .prefix("/\(service)/"))
        }
        return conditions
    }
}
