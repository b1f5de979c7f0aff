// rtbridge: fields that end at the next hop.
// SPDX-License-Identifier: Apache-2.0

/// Which fields an intermediary keeps to itself (RFC 9110 §7.6.1, RFC 9113 §8.2.2).
public enum HopByHop {
    /// Whether a field is for the next hop alone, whatever `Connection` says. `name` must be in lower case.
    public static func isHopByHop(_ name: UnsafeRawBufferPointer) -> Bool {
        switch name.count {
        case 2: FieldBytes.areEqual(name, "te")
        case 7: FieldBytes.areEqual(name, "upgrade") || FieldBytes.areEqual(name, "trailer")
        case 8: FieldBytes.areEqual(name, "trailers")
        case 10: FieldBytes.areEqual(name, "connection") || FieldBytes.areEqual(name, "keep-alive")
        case 16: FieldBytes.areEqual(name, "proxy-connection")
        case 17: FieldBytes.areEqual(name, "transfer-encoding")
        default: false
        }
    }

    /// Appends the end-to-end fields of `source` to `target`, in order.
    ///
    /// Left out are the hop-by-hop fields, those that `Connection` names, and pseudo-header fields, which every hop makes
    /// anew (RFC 9113 §8.3).
    ///
    /// - Parameter names: further fields to leave out. Keep them in a `static let` on hot paths.
    public static func copy(from source: FieldBlock, into target: inout FieldBlock, except names: FieldNames = []) {
        target.reserveCapacity(fields: target.count + source.count, bytes: target.byteCount + source.byteCount)
        let named = source.contains("connection") ? connectionNames(source) : []
        // Fields that stand side by side and are all kept go in one piece.
        source.forEachRun { name in
            guard isEndToEnd(name, except: names) else { return false }
            return named.isEmpty || !named.contains(String(decoding: name, as: UTF8.self))
        } body: {
            target.append(run: $0, fields: $1, lengths: source.lengths)
        }
    }

    /// The end-to-end fields of `source`, as ``copy(from:into:except:)`` says: `source` itself if that is all of them.
    public static func endToEnd(_ source: FieldBlock, except names: FieldNames = []) -> FieldBlock {
        var isAll = true
        source.forEach { name, _ in if isAll { isAll = isEndToEnd(name, except: names) } }
        guard !isAll else { return source }
        var target = FieldBlock()
        copy(from: source, into: &target, except: names)
        return target
    }

    /// Whether all fields but pseudo-header fields are end-to-end ones.
    public static func isEndToEnd(_ fields: FieldBlock) -> Bool {
        var isAll = true
        fields.forEach { name, _ in if name.first != UInt8(ascii: ":"), isHopByHop(name) { isAll = false } }
        return isAll
    }

    private static func isEndToEnd(_ name: UnsafeRawBufferPointer, except names: FieldNames) -> Bool {
        name.first != UInt8(ascii: ":") && !isHopByHop(name) && !names.contains(name)
    }

    /// The fields that `Connection` names and that are not hop-by-hop anyhow; `close` names none.
    private static func connectionNames(_ fields: FieldBlock) -> Set<String> {
        var names: Set<String> = []
        fields.forEach { name, value in
            guard FieldBytes.areEqual(name, "connection") else { return }
            FieldTokens.forEachElement(of: value) { element in
                if FieldTokens.areEqual(element, ignoringCase: "close") { return }
                if FieldTokens.areEqual(element, ignoringCase: "keep-alive") { return }
                if FieldTokens.areEqual(element, ignoringCase: "upgrade") { return }
                names.insert(String(decoding: element.map(FieldTokens.lowercased), as: UTF8.self))
            }
        }
        return names
    }
}
