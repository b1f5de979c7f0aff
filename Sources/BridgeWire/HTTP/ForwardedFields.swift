// rtbridge: what a back-end is told of the client's own request.
// SPDX-License-Identifier: Apache-2.0

/// `X-Forwarded-For`, `-Proto` and `-Host`, as nginx's `$proxy_add_x_forwarded_for`, `$scheme` and `$host` make them.
public enum ForwardedFields {
    /// Fields of a request that are made anew here.
    public static let names: FieldNames = ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"]

    /// Appends the three to `target`. The client's address goes behind those that the request names already: who trusts
    /// the whole list trusts whoever wrote the beginning of it.
    ///
    /// - Parameter request: with `:scheme` and `:authority`.
    /// - Parameter client: the IP address of who sent it.
    public static func append(to target: inout FieldBlock, request: FieldBlock, client: String) {
        let known = FieldTokens.elements(request, "x-forwarded-for")
        target.append("x-forwarded-for", (known + [client]).joined(separator: ", ").utf8)
        target.append(
            "x-forwarded-proto", request.first(":scheme")?.elementsEqual("https".utf8) == true ? "https" : "http")
        if let authority = request.first(":authority"), !authority.isEmpty {
            target.append("x-forwarded-host", authority)
        }
    }
}
