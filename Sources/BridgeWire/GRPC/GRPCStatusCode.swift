// rtbridge: the codes of gRPC statuses, and where they come from.
// SPDX-License-Identifier: Apache-2.0

/// The codes of gRPC (gRPC doc/statuscodes.md).
public enum GRPCStatusCode: UInt8, Sendable, CaseIterable {
    case ok = 0
    case cancelled = 1
    case unknown = 2
    case invalidArgument = 3
    case deadlineExceeded = 4
    case notFound = 5
    case alreadyExists = 6
    case permissionDenied = 7
    case resourceExhausted = 8
    case failedPrecondition = 9
    case aborted = 10
    case outOfRange = 11
    case unimplemented = 12
    case `internal` = 13
    case unavailable = 14
    case dataLoss = 15
    case unauthenticated = 16

    /// The name in gRPC's documents, `DEADLINE_EXCEEDED`.
    public var name: String {
        switch self {
        case .ok: "OK"
        case .cancelled: "CANCELLED"
        case .unknown: "UNKNOWN"
        case .invalidArgument: "INVALID_ARGUMENT"
        case .deadlineExceeded: "DEADLINE_EXCEEDED"
        case .notFound: "NOT_FOUND"
        case .alreadyExists: "ALREADY_EXISTS"
        case .permissionDenied: "PERMISSION_DENIED"
        case .resourceExhausted: "RESOURCE_EXHAUSTED"
        case .failedPrecondition: "FAILED_PRECONDITION"
        case .aborted: "ABORTED"
        case .outOfRange: "OUT_OF_RANGE"
        case .unimplemented: "UNIMPLEMENTED"
        case .internal: "INTERNAL"
        case .unavailable: "UNAVAILABLE"
        case .dataLoss: "DATA_LOSS"
        case .unauthenticated: "UNAUTHENTICATED"
        }
    }

    /// The code of this name, as it stands in a configuration.
    public init?(name: String) {
        guard let code = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = code
    }

    /// The code that a `grpc-status` value stands for; `nil` if it is no number of gRPC's.
    public init?(value: some Collection<UInt8>) {
        guard let number = Self.number(value), let code = UInt8(exactly: number) else { return nil }
        self.init(rawValue: code)
    }

    /// A `grpc-status` value, one to three digits, as a number.
    static func number(_ value: some Collection<UInt8>) -> Int? {
        guard (1...3).contains(value.count), value.allSatisfy({ $0 &- 0x30 < 10 }) else { return nil }
        return value.reduce(0) { $0 * 10 + Int($1 - 0x30) }
    }
}

// MARK: - From other protocols

extension GRPCStatusCode {
    /// For an HTTP answer without `grpc-status` (gRPC doc/http-grpc-status-mapping.md).
    public init(httpStatus: Int) {
        switch httpStatus {
        case 400: self = .internal
        case 401: self = .unauthenticated
        case 403: self = .permissionDenied
        case 404: self = .unimplemented
        case 429, 502, 503, 504: self = .unavailable
        default: self = .unknown
        }
    }

    /// For a stream that was reset (gRPC doc/PROTOCOL-HTTP2.md, "Errors"; the codes are RFC 9113 §7's).
    /// What the table does not name is INTERNAL, as in gRPC's C core.
    public init(http2Error: UInt32) {
        switch http2Error {
        case 0x7: self = .unavailable  // REFUSED_STREAM
        case 0x8: self = .cancelled  // CANCEL
        case 0xB: self = .resourceExhausted  // ENHANCE_YOUR_CALM
        case 0xC: self = .permissionDenied  // INADEQUATE_SECURITY
        default: self = .internal
        }
    }
}
