// rtbridge: bytes in, and what the RFCs let come of them.
// SPDX-License-Identifier: Apache-2.0

import BridgeWire
import HTTP2Session
import Testing

/// A row of a conformance table.
///
/// RFC 9113 §5.4.1 lets an endpoint "treat a stream error as a connection error". A bridge carries many peers' calls on
/// one connection, so a row allows that only where it says so.
struct ConformanceCase: Sendable, CustomTestStringConvertible {
    /// Requests that the session makes before its peer says anything (back role), on streams 1, 3, 5 ….
    enum Call: Sendable { case get, post, head, connect }

    /// What goes before the steps.
    enum Greeting: Sendable {
        case nothing
        /// The preface of RFC 9113 §3.4 as far as the peer's role has one.
        case preface
        /// Preface, SETTINGS, and the acknowledgement of the session's own.
        case settings
    }

    /// Of RFC 9113, unless another is named.
    let section: String
    let title: String
    let steps: [Step]
    let allowed: [Reaction]
    /// What is heard where the connection goes on, closings left out.
    var heard: [String]?
    /// The same where there is an error.
    var heardOnError: [String]?
    var role = HTTP2Role.front
    var calls: [Call] = [.get]
    var options = HTTP2Options()
    var greeting = Greeting.settings
    /// Whether the session's owner gives body bytes back as they come.
    var consumes = true
    /// Whether a further request has to pass where the connection goes on (front role).
    var allowsRequest = true

    init(
        _ section: String, _ title: String, _ steps: [Step], _ allowed: [Reaction] = [], heard: [String]? = nil,
        heardOnError: [String]? = nil
    ) {
        self.section = section
        self.title = title
        self.steps = steps
        self.allowed = allowed
        self.heard = heard
        self.heardOnError = heardOnError
    }

    /// The session is in the back role and has made `calls`.
    static func back(
        _ section: String, _ title: String, _ calls: [Call], _ steps: [Step], _ allowed: [Reaction],
        heard: [String]? = nil, heardOnError: [String]? = nil
    ) -> Self {
        var row = Self(section, title, steps, allowed, heard: heard, heardOnError: heardOnError)
        row.role = .back
        row.calls = calls
        return row
    }

    /// The same with one GET.
    static func back(
        _ section: String, _ title: String, _ steps: [Step], _ allowed: [Reaction], heard: [String]? = nil,
        heardOnError: [String]? = nil
    ) -> Self {
        back(section, title, [.get], steps, allowed, heard: heard, heardOnError: heardOnError)
    }

    func with(_ change: (inout Self) -> Void) -> Self {
        var changed = self
        change(&changed)
        return changed
    }

    var testDescription: String { "§\(section) \(role == .front ? "" : "back: ")\(title)" }

    static let cuts: [Cut] = [.whole, .bytes, .random(seed: 11)]

    func check(_ cut: Cut, sourceLocation: SourceLocation = #_sourceLocation) throws {
        let run = try ConformanceRun(self, cut)
        let reaction = run.reaction
        #expect(allowed.contains(reaction), sourceLocation: sourceLocation)
        #expect(run.closesEveryStreamOnce, sourceLocation: sourceLocation)
        let expected =
            switch reaction {
            case .goesOn: heard
            case .connection, .refused, .stream, .confused: heardOnError
            }
        guard let expected else { return }
        #expect(run.heard == expected, sourceLocation: sourceLocation)
    }
}
