// rtbridge: one question to one endpoint, and its answers.
// SPDX-License-Identifier: Apache-2.0

/// One question to one endpoint. Each worker asks for itself: workers share nothing, and what one can reach another
/// may not.
protocol HealthQuestion: AnyObject {
    /// `tell` gets each answer up to the last one; none after ``cancel()``.
    func ask(_ tell: @escaping (HealthAnswer) -> Void)
    func cancel()
}

enum HealthAnswer: Equatable {
    /// nil: the endpoint is well; else why it is not. The question goes on, and the next answer comes with a change.
    case now(String?)
    /// The same, and the last answer.
    case once(String?)
    /// The server has no such method: the last answer, with what it said.
    case unimplemented(String)
    /// There was no answer, or there are no more: why.
    case broken(String)
    /// The question's connection takes no more calls: the last answer, and nothing about the endpoint.
    case left
}
