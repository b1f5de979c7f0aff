// rtbridge: the keys of log metadata, all in one place.
// SPDX-License-Identifier: Apache-2.0

/// Keys of log metadata. They are stable: people's queries depend on them.
public enum LogKeys {
    public static let listener = "listener.name"
    public static let address = "listener.address"
    public static let route = "route.name"
    public static let back = "back.name"
    public static let backAddress = "back.address"
    public static let client = "client.address"
    public static let reason = "reason"
    public static let kind = "failure.kind"
    public static let origin = "failure.origin"
    public static let phase = "failure.phase"
    public static let delay = "delay"
    /// What each attempt got, and when.
    public static let attempts = "failure.attempts"
    public static let path = "request.path"
    public static let requestOrigin = "request.origin"
    public static let file = "file"
    public static let count = "count"
    public static let fingerprint = "tls.fingerprint"
}
