// rtbridge: why a piece of text is not the value it should be.
// SPDX-License-Identifier: Apache-2.0

/// What a value's own parser says; the reader adds the place and the text as it was written.
struct Fault: Error, Equatable {
    /// Completes a sentence that begins with the quoted text: `has no port`.
    var message: String
    /// What such a value looks like; holds nothing of the text itself.
    var hint: String?
    /// What was surely meant; withheld where the text came out of `${…}`, which may be secret.
    var correction: String?

    init(_ message: String, hint: String? = nil, correction: String? = nil) {
        self.message = message
        self.hint = hint
        self.correction = correction
    }
}
