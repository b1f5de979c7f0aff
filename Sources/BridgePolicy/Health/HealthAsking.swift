// rtbridge: how an endpoint is asked for its health, and when again.
// SPDX-License-Identifier: Apache-2.0

/// The course of one endpoint's questions, as a value: randomness is a parameter, time is not needed.
///
/// ```
/// watching ──the server has no Watch──▶ checking
///     ▲                                    │
///     └──the server could not be reached───┘ (another one may stand there now)
/// ```
/// A question that is asked once is asked again after `interval`. One that the server answers whenever something changes
/// (`grpc.health.v1.Health/Watch`) goes on; its last answer counts again after each `interval`, so that thresholds mean
/// the same for both. When it ends it is asked again by a backoff that an answer resets (gRFC A17: "When the client
/// receives a message from the server on a given call, the backoff state is reset"). A17 would ask at once then; here a
/// server that ends each Watch after its first message is not asked without end.
public struct HealthAsking: Sendable {
    public enum Way: Sendable, Equatable { case watch, check }

    /// How a question ended.
    public enum End: Sendable, Equatable {
        /// It was asked once, and answered.
        case answered
        /// The server has no such method.
        case unimplemented
        /// No answer, or no more answers.
        case broken
        /// The connection takes no more calls, which says nothing of the server's health.
        case left
    }

    /// Intervals are spread by a tenth up and down, so that workers and bridges that started together do not ask
    /// together.
    public static let jitter = 0.1
    /// The delay after a Watch that ended, unless the interval is shorter; then as gRPC connection-backoff.md.
    static let initialBackoff = Duration.seconds(1)

    public private(set) var way: Way
    private let mayWatch: Bool
    private var intervals: Backoff
    private var backoff: Backoff

    public init(mayWatch: Bool, interval: Duration) {
        self.mayWatch = mayWatch
        way = mayWatch ? .watch : .check
        intervals = Backoff(
            BackoffParameters(initial: interval, multiplier: 1, max: interval, jitter: .fraction(Self.jitter)))
        var parameters = BackoffParameters.grpcConnection
        parameters.initial = min(Self.initialBackoff, interval)
        parameters.max = interval
        backoff = Backoff(parameters)
    }

    /// The server has said something in a question that goes on.
    /// - Returns: after which time that counts again, if nothing else was said by then.
    public mutating func heard(using generator: inout some RandomNumberGenerator) -> Duration {
        backoff.reset()
        return intervals.next(using: &generator)
    }

    /// - Returns: after which time the next question is asked.
    public mutating func ended(_ end: End, using generator: inout some RandomNumberGenerator) -> Duration {
        switch (way, end) {
        case (.watch, .unimplemented):
            way = .check
            return .zero
        case (.watch, .broken), (.watch, .left): return backoff.next(using: &generator)
        case (.check, .broken), (.check, .left):
            if mayWatch { way = .watch }
            return intervals.next(using: &generator)
        case (_, .answered), (.check, .unimplemented): return intervals.next(using: &generator)
        }
    }
}
