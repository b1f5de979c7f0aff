// rtbridge: what browsers are told about other origins.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgeWire

/// A route's CORS options, ready to answer (Fetch standard, §3.2 "CORS protocol").
public struct CORSPolicy: Sendable {
    private let allowsAll: Bool
    private let origins: [[UInt8]]
    private let allowHeaders: CORSOptions.Headers
    private let allowCredentials: Bool
    private let maxAge: String

    public init(_ options: CORSOptions) {
        allowsAll = options.allowOrigins.contains("*")
        origins = options.allowOrigins.map { Array($0.utf8) }
        allowHeaders = options.allowHeaders
        allowCredentials = options.allowCredentials
        maxAge = String(options.maxAge.components.seconds)
    }

    /// Whether a request is a preflight: OPTIONS with an Origin and what it asks for.
    public static func isPreflight(_ head: RequestHead) -> Bool {
        head.method == .options && head.fields.contains("origin")
            && head.fields.contains("access-control-request-method")
    }

    /// The request's origin, if the policy lets it in.
    public func allowedOrigin(_ fields: FieldBlock) -> FieldValue? {
        guard let origin = fields.first("origin") else { return nil }
        return allowsAll || origins.contains { $0.elementsEqual(origin) } ? origin : nil
    }

    /// The answer to a preflight from an origin that is let in: 204 and what is allowed.
    public func preflight(_ head: RequestHead, origin: FieldValue, methods: some Collection<UInt8>) -> FieldBlock
    {
        var fields = FieldBlock()
        fields.append(":status", "204")
        fields.append("access-control-allow-origin", origin)
        fields.append("access-control-allow-methods", methods)
        if let headers = allowedHeaders(head.fields) { fields.append("access-control-allow-headers", headers.utf8) }
        if allowCredentials { fields.append("access-control-allow-credentials", "true") }
        fields.append("access-control-max-age", maxAge.utf8)
        fields.append("vary", "Origin, Access-Control-Request-Method, Access-Control-Request-Headers")
        return fields
    }

    private func allowedHeaders(_ fields: FieldBlock) -> String? {
        guard let asked = fields.string("access-control-request-headers") else { return nil }
        switch allowHeaders {
        case .requested: return asked
        case .list(let allowed):
            let names = asked.split(separator: ",").map { $0.lowercased().filter { $0 != " " && $0 != "\t" } }
            let granted = names.filter { allowed.contains($0) || Self.protocolHeaders.contains($0) }
            return granted.isEmpty ? nil : granted.joined(separator: ", ")
        }
    }

    /// What gRPC-Web itself needs, whatever the list says.
    private static let protocolHeaders = ["content-type", "x-grpc-web", "x-user-agent", "grpc-timeout"]

    /// Adds to an actual response, errors included, what lets the page read it.
    ///
    /// - Parameter exposing: names of fields that the response carries, beside gRPC's own.
    public func decorate(_ response: inout FieldBlock, origin: FieldValue, exposing: [UInt8]) {
        response.append("access-control-allow-origin", origin)
        if allowCredentials { response.append("access-control-allow-credentials", "true") }
        response.append("access-control-expose-headers", Self.statusFields + exposing)
        response.append("vary", "Origin")
    }

    /// The same for plain HTTP.
    ///
    /// - Parameter exposingOnly: names of the fields that a page may read.
    public func decorate(_ response: inout FieldBlock, origin: FieldValue, exposingOnly: [UInt8]) {
        response.append("access-control-allow-origin", origin)
        if allowCredentials { response.append("access-control-allow-credentials", "true") }
        if !exposingOnly.isEmpty { response.append("access-control-expose-headers", exposingOnly) }
        response.append("vary", "Origin")
    }

    private static let statusFields = Array("grpc-status, grpc-message, grpc-status-details-bin".utf8)
}
