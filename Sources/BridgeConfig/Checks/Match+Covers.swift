// rtbridge: whether one match takes all that another would.
// SPDX-License-Identifier: Apache-2.0

extension Match {
    /// Whether every request that `other` matches is matched by this as well.
    func covers(_ other: Match, listeners: [String]) -> Bool {
        let isSameListener = listener == nil || listener == other.listener || listeners == [listener]
        return isSameListener && coversHost(of: other)
            && other.protocols.allSatisfy(protocols.contains)
            && headers.allSatisfy(other.headers.contains)
            && pathConditions.allSatisfy { mine in other.pathConditions.contains { mine.covers($0) } }
    }

    private func coversHost(of other: Match) -> Bool {
        switch (host, other.host) {
        case (nil, _): true
        case (.exact(let mine), .exact(let theirs)): mine == theirs
        case (.suffix(let mine), .exact(let theirs)), (.suffix(let mine), .suffix(let theirs)): theirs.hasSuffix(mine)
        case (.exact, .suffix), (.some, nil): false
        }
    }

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

    /// What must hold of the path. gRPC over HTTP/2: `Path → ":path" "/" Service-Name "/" {method name}`.
    private var pathConditions: [PathCondition] {
        var conditions: [PathCondition] = []
        if let path { conditions.append(.exact(path)) }
        // Every path begins with a slash.
        if let pathPrefix, pathPrefix != "/" { conditions.append(.prefix(pathPrefix)) }
        if let service { conditions.append(method.map { .exact("/\(service)/\($0)") } ?? .prefix("/\(service)/")) }
        return conditions
    }
}
