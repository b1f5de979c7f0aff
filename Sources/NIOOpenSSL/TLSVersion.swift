// rtbridge: the versions of TLS on offer.
// SPDX-License-Identifier: Apache-2.0

/// A version of the protocol, as the lowest that is spoken. TLS 1.0 and 1.1 are deprecated (RFC 8996) and not on offer.
public enum TLSVersion: String, Sendable, CaseIterable {
    case tls12 = "1.2"
    case tls13 = "1.3"
}
