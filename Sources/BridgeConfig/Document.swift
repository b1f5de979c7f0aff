// rtbridge: what a routes.json says, after reading: every default filled in.
// SPDX-License-Identifier: Apache-2.0

import BridgePolicy

/// A whole configuration. All values are checked; relative paths are resolved; `${…}` is replaced.
public struct Document: Sendable, Equatable {
    public var listeners: [Listener] = []
    public var admin: Admin?
    public var health = Health()
    /// The entries of `backends`, in the order of the file, whether a route uses them or not.
    public var backends: [Backend] = []
    public var routes: [Route] = []
    public var shutdown = Shutdown()
    public var logging = LoggingOptions()
    /// Event loops; 0 means one a core.
    public var workers = 0

    public init() {}
}

/// Where something listens or is reached.
public enum Address: Sendable, Hashable {
    /// A name or an IP address (v6 without brackets) and a port. A port of 0 lets the system choose (listeners alone).
    case host(String, port: Int)
    /// The absolute path of a Unix socket.
    case unix(String)

    /// The name or the IP address alone; what speaks with a Unix socket takes it for this machine.
    public var host: String {
        switch self {
        case .host(let host, _): host
        case .unix: "localhost"
        }
    }

    /// What a request to it calls its host: without a path of ours, which is nobody's business.
    public var authority: String {
        switch self {
        case .host: description
        case .unix: "localhost"
        }
    }

    public var isUnix: Bool {
        switch self {
        case .host: false
        case .unix: true
        }
    }
}

public struct Admin: Sendable, Equatable {
    public var address: Address
    public init(address: Address) { self.address = address }
}

public struct Health: Sendable, Equatable {
    public var livePath = "/livez"
    public var readyPath = "/readyz"
    /// Names of listeners that answer the paths, and `grpc.health.v1.Health/Check`, themselves.
    public var onListeners: [String] = []
    /// Names of entries in `backends` that must be reachable for the bridge to be ready.
    public var requireBackends: [String] = []

    public init() {}
}

public struct Shutdown: Sendable, Equatable {
    /// How long calls and sessions may go on after SIGTERM.
    public var drain: Duration = .seconds(30)
    public init() {}
}

public struct LoggingOptions: Sendable, Equatable {
    public enum Format: String, Sendable, CaseIterable { case text, json }
    public enum Level: String, Sendable, CaseIterable { case trace, debug, info, notice, warning, error }

    public var format = Format.text
    public var level = Level.info
    /// A line for each request and session.
    public var access = true
    /// Header names, in lower case, whose values are never written.
    public var redact: [String] = ["authorization", "cookie"]

    public init() {}
}
