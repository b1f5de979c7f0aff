// rtbridge: whether a request is meant by a route's match.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgeWire

/// A match with its strings as bytes, so that asking costs no allocation, and a class, so that it costs no copies.
final class RouteMatcher {
    let protocols: [FrontProtocolName]
    let host: Match.Host?
    let path: [UInt8]?
    /// Nil where there is a path.
    let prefix: [UInt8]?
    private let headers: [Match.Field]
    private let protocolBits: UInt8
    /// Whether the protocol is all that is asked for.
    private let isAnywhere: Bool

    init(_ match: Match) {
        protocols = match.protocols
        protocolBits = match.protocols.reduce(0) { $0 | $1.bit }
        host = match.host
        headers = match.headers
        var path = match.path
        var prefix = match.pathPrefix
        if let service = match.service {
            // gRPC PROTOCOL-HTTP2.md: Path → ":path" "/" Service-Name "/" {method name}
            if let method = match.method { path = "/\(service)/\(method)" } else { prefix = "/\(service)/" }
        }
        self.path = path.map { Array($0.utf8) }
        self.prefix = prefix.map { Array($0.utf8) }
        isAnywhere = path == nil && prefix == nil && match.host == nil && match.headers.isEmpty
    }

    func matches(_ head: RequestHead, _ name: FrontProtocolName) -> Bool {
        protocolBits & name.bit != 0 && (isAnywhere || matchesPlace(head))
    }

    /// All but the protocol.
    func matchesPlace(_ head: RequestHead) -> Bool {
        if let path, !head.withPath({ $0.elementsEqual(path) }) { return false }
        if let prefix, !head.withPath({ $0.starts(with: prefix) }) { return false }
        if let host, !matchesHost(host, head) { return false }
        return headers.allSatisfy { field in
            head.fields.pairs.contains { $0.name == field.name && $0.value == field.value }
        }
    }

    private func matchesHost(_ host: Match.Host, _ head: RequestHead) -> Bool {
        let name = head.hostName
        switch host {
        case .exact(let expected): return name == expected
        case .suffix(let suffix): return name.hasSuffix(suffix)
        }
    }
}

extension FrontProtocolName {
    fileprivate var bit: UInt8 {
        switch self {
        case .grpcWeb: 1
        case .grpc: 2
        case .websocket: 4
        case .sse: 8
        case .http: 16
        case .tcp: 32
        case .udp: 64
        }
    }
}
