// rtbridge: why the bridge could not start.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import NIOCore
import NIOOpenSSL

#if canImport(Glibc)
    import Glibc
#endif

/// Nothing was started, and this is why: where, what, and how to mend it.
public struct BridgeStartError: Error, CustomStringConvertible {
    public let description: String

    static func bind(_ config: Listener, _ error: any Error) -> BridgeStartError {
        let reason: String
        var hint =
            config.address.isUnix
            ? "Give listeners.\(config.name).address the path of a file that may be made."
            : "Give listeners.\(config.name).address an address of this machine and a port that is free."
        switch (error as? IOError)?.errnoCode {
        case .some(EADDRINUSE): reason = "the address is in use by another process"
        case .some(EADDRNOTAVAIL): reason = "this machine has no such address"
        case .some(EEXIST): reason = "the file is there, and is no socket"
        case .some(ENOENT): reason = "there is no such folder"
        case .some(EACCES) where config.address.isUnix: reason = "not permitted"
        case .some(EACCES):
            reason = "not permitted"
            hint = "Ports below 1024 need the capability CAP_NET_BIND_SERVICE; or choose a higher port."
        default: reason = "\(error)"
        }
        return BridgeStartError(
            description: "listeners.\(config.name).address: \(config.address): \(reason)\n  \(hint)")
    }

    static func tls(_ listener: String, _ error: TLSError) -> BridgeStartError {
        BridgeStartError(description: "listeners.\(listener).tls: \(error)")
    }

    /// - Parameter place: the back-end's entry: `backends.greeter`.
    static func backTLS(_ place: String, _ error: TLSError) -> BridgeStartError {
        BridgeStartError(description: "\(place).tls: \(error)")
    }
}
