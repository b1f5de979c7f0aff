// rtbridge: which blocks of fields are malformed.
// SPDX-License-Identifier: Apache-2.0

import BridgeWire

/// Looks at the fields of one block as they come (RFC 9113 §8.2 and §8.3, RFC 8441 §4). A block that breaks these rules is
/// malformed, and its stream ends with PROTOCOL_ERROR (RFC 9113 §8.1.1).
struct HTTP2FieldRules {
    enum Block { case request, response, trailers }

    /// Pseudo-header fields and `host`, as bits.
    private struct Seen: OptionSet {
        var rawValue: UInt8
        static let method = Seen(rawValue: 1)
        static let scheme = Seen(rawValue: 2)
        static let path = Seen(rawValue: 4)
        static let authority = Seen(rawValue: 8)
        static let status = Seen(rawValue: 16)
        static let `protocol` = Seen(rawValue: 32)
        static let host = Seen(rawValue: 64)
        static let regular = Seen(rawValue: 128)
    }

    private enum Path { case none, absolute, asterisk, other }

    private let block: Block
    /// Whether SETTINGS_ENABLE_CONNECT_PROTOCOL was sent.
    private let allowsProtocol: Bool
    private var seen: Seen = []
    private var path = Path.none
    private var isConnect = false
    private var isOptions = false
    private var isHTTPScheme = false
    private(set) var status = 0
    private var contentLength: Int?

    /// What `content-length` says of the body; nil: nothing. What goes through a tunnel is no body (RFC 9110 §9.3.6).
    var bodyLength: Int? { isConnect ? nil : contentLength }

    init(_ block: Block, allowsProtocol: Bool) {
        self.block = block
        self.allowsProtocol = allowsProtocol
    }

    /// - Parameters:
    ///   - value: without white space around it.
    ///   - known: the name's first index in the static table of RFC 7541, or 0: then its characters were looked at by nobody.
    /// - Returns: false if the block is malformed.
    @inline(__always)
    mutating func allow(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer, _ known: Int) -> Bool {
        switch known {
        case 0: return allowLiteral(name, value)
        case 1...14: return allowPseudo(name, value)
        case 28: return allowRegular(value) && setLength(value)
        case 38: return allowRegular(value) && setHost(value)
        case 57: return false  // transfer-encoding
        default: return allowRegular(value)
        }
    }

    private mutating func allowLiteral(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> Bool {
        if name.first == UInt8(ascii: ":") { return allowPseudo(name, value) }
        guard HTTP2FieldText.isName(name), allowRegular(value) else { return false }
        switch name.count {
        case 2 where FieldBytes.areEqual(name, "te"):
            // RFC 9113 §8.2.2: "it MUST NOT contain any value other than 'trailers'".
            return isTrailers(value)
        case 4 where FieldBytes.areEqual(name, "host"):
            return setHost(value)
        case 14 where FieldBytes.areEqual(name, "content-length"):
            return setLength(value)
        case 7, 10, 16, 17:
            return !Self.connectionSpecific.contains(name)
        case _:
            return true
        }
    }

    /// RFC 9113 §8.2.2.
    private static let connectionSpecific: FieldNames = [
        "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade",
    ]

    private func isTrailers(_ value: UnsafeRawBufferPointer) -> Bool {
        guard value.count == 8 else { return false }
        let lowercase = value.loadUnaligned(as: UInt64.self) | 0x2020_2020_2020_2020
        return lowercase == UnsafeRawPointer(Self.trailers.utf8Start).loadUnaligned(as: UInt64.self)
    }

    private static let trailers: StaticString = "trailers"

    private mutating func allowRegular(_ value: UnsafeRawBufferPointer) -> Bool {
        seen.insert(.regular)
        return HTTP2FieldText.isValue(value)
    }

    private mutating func setLength(_ value: UnsafeRawBufferPointer) -> Bool {
        guard block != .trailers else { return true }
        guard contentLength == nil, let length = HTTP2FieldText.length(value) else { return false }
        contentLength = length
        return true
    }

    private mutating func setHost(_ value: UnsafeRawBufferPointer) -> Bool {
        guard block == .request else { return true }
        guard !seen.contains(.host), HTTP2FieldText.isAuthority(value) else { return false }
        seen.insert(.host)
        return true
    }

    // MARK: Pseudo-header fields

    private mutating func allowPseudo(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> Bool {
        // RFC 9113 §8.3: they "MUST appear in a field block before all regular field lines", and not in trailers.
        guard !seen.contains(.regular), block != .trailers, !value.isEmpty else { return false }
        guard block == .request else {
            return FieldBytes.areEqual(name, ":status") && once(.status) && setStatus(value)
        }
        switch name.count {
        case 5 where FieldBytes.areEqual(name, ":path"):
            return once(.path) && setPath(value)
        case 7 where FieldBytes.areEqual(name, ":method"):
            return once(.method) && setMethod(value)
        case 7 where FieldBytes.areEqual(name, ":scheme"):
            isHTTPScheme = FieldBytes.areEqual(value, "http") || FieldBytes.areEqual(value, "https")
            return once(.scheme) && HTTP2FieldText.isScheme(value)
        case 9 where FieldBytes.areEqual(name, ":protocol"):
            return allowsProtocol && once(.protocol) && HTTP2FieldText.isToken(value)
        case 10 where FieldBytes.areEqual(name, ":authority"):
            return once(.authority) && HTTP2FieldText.isAuthority(value)
        case _:
            return false
        }
    }

    private mutating func once(_ field: Seen) -> Bool { seen.insert(field).inserted }

    private mutating func setStatus(_ value: UnsafeRawBufferPointer) -> Bool {
        guard value.count == 3, let status = HTTP2FieldText.length(value), status >= 100 else { return false }
        self.status = status
        // RFC 9113 §8.6: "HTTP/2 removes support for the 101 (Switching Protocols) informational status code".
        return status != 101
    }

    private mutating func setMethod(_ value: UnsafeRawBufferPointer) -> Bool {
        isConnect = FieldBytes.areEqual(value, "CONNECT")
        isOptions = FieldBytes.areEqual(value, "OPTIONS")
        return HTTP2FieldText.isToken(value)
    }

    private mutating func setPath(_ value: UnsafeRawBufferPointer) -> Bool {
        switch value.first {
        case UInt8(ascii: "/"): path = .absolute
        case UInt8(ascii: "*") where value.count == 1: path = .asterisk
        case _: path = .other
        }
        return HTTP2FieldText.isPath(value)
    }

    // MARK: The end

    /// Whether the block as a whole is well-formed.
    var isWhole: Bool {
        switch block {
        case .trailers: true
        case .response: seen.contains(.status)
        case .request where isConnect && !seen.contains(.protocol):
            // RFC 9113 §8.5: "The ':scheme' and ':path' pseudo-header fields MUST be omitted."
            seen.isDisjoint(with: [.scheme, .path]) && seen.contains(.authority)
        case .request:
            seen.isSuperset(of: [.method, .scheme, .path]) && isRequestWhole
        }
    }

    private var isRequestWhole: Bool {
        // RFC 8441 §4: `:protocol` comes with CONNECT, and then with `:authority`.
        if seen.contains(.protocol), !isConnect || !seen.contains(.authority) { return false }
        guard isHTTPScheme else { return true }
        guard !seen.isDisjoint(with: [.authority, .host]) else { return false }
        // RFC 9113 §8.3.1: "a path that starts with a '/' character", or "*" of an OPTIONS request.
        return path == .absolute || (path == .asterisk && isOptions)
    }
}
