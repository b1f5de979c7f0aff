// rtbridge: what a route does with HTTP requests.
// SPDX-License-Identifier: Apache-2.0

public struct HTTPOptions: Sendable, Equatable {
    /// What back-ends are told of the client's connection.
    public enum Forwarded: String, Sendable, CaseIterable {
        /// What came with the request stays, and ours stands behind it.
        case append
        /// Ours alone.
        case replace
        /// Nothing is added; what came with the request is passed on.
        case off
    }

    public enum Host: String, Sendable, CaseIterable {
        /// As the client asked for it.
        case client
        /// The back-end's own address.
        case backend
    }

    /// How long a connection to a back-end waits for its next request, unless the back-end asks for less.
    public static let poolIdle = Duration.seconds(60)

    public var forwarded = Forwarded.append
    public var host = Host.client

    public init() {}
}
