// rtbridge: what of a request decides its endpoint.
// SPDX-License-Identifier: Apache-2.0

import BridgePolicy
import BridgeWire

extension EndpointSet {
    /// The hash that `hashOn` asks for; nil where the policy is another one, or the request has nothing of the kind.
    func key(_ request: FieldBlock, client: String) -> UInt64? {
        switch backend.hashOn {
        case nil: return nil
        case .clientIP: return HashRing.hash(client.utf8)
        case .header(let name): return Self.value(request, of: name).map(HashRing.hash)
        case .cookie(let name): return Self.cookie(request, name).map(HashRing.hash)
        }
    }

    /// The first field of this name.
    private static func value(_ request: FieldBlock, of name: String) -> [UInt8]? {
        var found: [UInt8]?
        request.forEach { fieldName, value in
            if found == nil, fieldName.elementsEqual(name.utf8) { found = Array(value) }
        }
        return found
    }

    /// RFC 6265 §4.2.1: `cookie-string = cookie-pair *( ";" SP cookie-pair )`. HTTP/2 may cut it into several fields
    /// (RFC 9113 §8.2.3).
    private static func cookie(_ request: FieldBlock, _ name: String) -> [UInt8]? {
        var found: [UInt8]?
        request.forEach { fieldName, value in
            guard found == nil, fieldName.elementsEqual("cookie".utf8) else { return }
            for part in value.split(separator: UInt8(ascii: ";")) {
                let pair = part.drop { $0 == UInt8(ascii: " ") }
                guard pair.starts(with: name.utf8) else { continue }
                let rest = pair.dropFirst(name.utf8.count)
                if rest.first == UInt8(ascii: "=") { found = found ?? Array(rest.dropFirst()) }
            }
        }
        return found
    }
}
