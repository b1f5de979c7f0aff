// rtbridge: what the demo's gRPC server answers to which requests.
// SPDX-License-Identifier: Apache-2.0

/// The methods of helloworld.Greeter.
enum GreeterMethod: String, CaseIterable {
    case unary = "/helloworld.Greeter/SayHello"
    case serverStream = "/helloworld.Greeter/SayHelloStreamReply"
    case clientStream = "/helloworld.Greeter/SayHelloClientStream"
    case bidiStream = "/helloworld.Greeter/SayHelloBidiStream"

    init?(path: String) { self.init(rawValue: path) }
}

/// One call, without I/O.
///
/// ```
/// requests ──requestArrived*──▶ requests ──requestsEnded──▶ replies ──nextReply*──▶ over
///    └─────────────── fail, close ──────────────────────────────┴─────────────────▶ over
/// ```
struct GreeterState {
    enum Action: Equatable {
        case wait
        case reply(String)
        /// Ask ``GreeterState/nextReply(to:)`` again and again.
        case replyRepeatedly(name: String)
        case replyAndFinish(String)
        case finish
        case fail(GreeterStatus)
    }

    /// Replies of SayHelloStreamReply.
    static let repeatedReplies = 10

    /// Bytes of all names of SayHelloClientStream.
    static let maximumNames = MessageReader.maximumMessage / 2

    private let method: GreeterMethod?
    private var names: [String] = []
    private var nameBytes = 0
    private var repliesSent = 0
    /// Nothing that arrives matters any more.
    private(set) var isOver = false

    /// - Parameter method: nil while it is not known.
    init(method: GreeterMethod?) { self.method = method }

    mutating func requestArrived(_ name: String) -> Action {
        guard !isOver, let method else { return .wait }
        switch method {
        case .bidiStream:
            return .reply("Hello, \(name)!")
        case .unary, .serverStream:
            // gRPC statuscodes.md: UNIMPLEMENTED for a "Request cardinality violation".
            guard names.isEmpty else { return .fail(GreeterStatus(.unimplemented, "more than one request")) }
            names.append(name)
            return .wait
        case .clientStream:
            nameBytes += name.utf8.count + 2
            guard nameBytes <= Self.maximumNames else {
                let limit = "all names together have more than \(Self.maximumNames) bytes"
                return .fail(GreeterStatus(.resourceExhausted, limit))
            }
            names.append(name)
            return .wait
        }
    }

    mutating func requestsEnded() -> Action {
        guard !isOver, let method else { return .wait }
        switch method {
        case .bidiStream:
            return .finish
        case .clientStream:
            return .replyAndFinish(names.isEmpty ? "Hello!" : "Hello, \(Self.list(names))!")
        case .unary:
            guard let name = names.first else { return .fail(GreeterStatus(.unimplemented, "no request")) }
            return .replyAndFinish("Hello, \(name)!")
        case .serverStream:
            guard let name = names.first else { return .fail(GreeterStatus(.unimplemented, "no request")) }
            return .replyRepeatedly(name: name)
        }
    }

    /// The next of the repeated replies; nil after the last.
    mutating func nextReply(to name: String) -> String? {
        guard !isOver, hasMoreReplies else { return nil }
        repliesSent += 1
        return "Hello, \(name)! (\(repliesSent) of \(Self.repeatedReplies))"
    }

    var hasMoreReplies: Bool { repliesSent < Self.repeatedReplies }

    mutating func close() { isOver = true }

    /// "A", "A and B", "A, B and C".
    private static func list(_ names: [String]) -> String {
        guard let last = names.last, names.count > 1 else { return names.first ?? "" }
        return names.dropLast().joined(separator: ", ") + " and " + last
    }
}
