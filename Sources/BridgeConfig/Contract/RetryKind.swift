// rtbridge: reading retry policies.
// SPDX-License-Identifier: Apache-2.0

import BridgePolicy

extension Kind where Value == RetryParameters {
    static var retryPolicy: Kind {
        .object(synonyms: ["attempts": "maxAttempts", "numRetries": "maxAttempts", "retryOn": "retryableStatusCodes"]) {
            o in
            var retry = RetryParameters()
            // gRPC A6: "must be two or greater"; its own clients take no more than 5, to guard against what comes by DNS.
            o.read("maxAttempts", into: &retry.maxAttempts, as: .count(in: 2...10))
            o.read("initialBackoff", into: &retry.initialBackoff, as: .duration(in: DurationText.anyTimer))
            o.read("maxBackoff", into: &retry.maxBackoff, as: .duration(in: DurationText.anyTimer))
            o.read("backoffMultiplier", into: &retry.backoffMultiplier, as: .number(in: 1...1000, example: "2"))
            o.read("jitter", into: &retry.jitter, as: .jitter)
            o.read(
                "retryableStatusCodes", into: &retry.retryableStatusCodes, as: .distinct(.grpcStatus, atLeast: 1))
            o.read("perAttemptTimeout", into: &retry.perAttemptTimeout, as: .timer(in: DurationText.anyTimer))
            o.read("budgetPercent", into: &retry.budgetPercent, as: .count(in: 0...100))
            if retry.maxBackoff < retry.initialBackoff {
                let (first, most) = (retry.initialBackoff, retry.maxBackoff)
                o.refuse(
                    o.has("maxBackoff") ? "maxBackoff" : "initialBackoff", "maxBackoff is shorter than initialBackoff",
                    hint: "initialBackoff is \(DurationText.write(first)), maxBackoff \(DurationText.write(most)).")
            }
            return retry
        }
    }
}

extension Kind where Value == UInt8 {
    /// gRPC statuscodes.md, by name; OK is no failure.
    private static var statusNames: [String] {
        [
            "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
            "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE",
            "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
        ]
    }

    static var grpcStatus: Kind {
        let names = statusNames
        let word = Kind<String>.word(names)
        return Kind(
            read: { value in word.read(value).flatMap { names.firstIndex(of: $0) }.map { UInt8($0 + 1) } },
            show: { quoted(names[Int($0) - 1]) }, words: names)
    }
}
