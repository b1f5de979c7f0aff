// rtbridge: a field as tests of HPACK compare it.
// SPDX-License-Identifier: Apache-2.0

import BridgeWire

@testable import HTTP2Session

struct HPACKField: Equatable, CustomStringConvertible {
    var name: [UInt8]
    var value: [UInt8]

    init(_ name: some Sequence<UInt8>, _ value: some Sequence<UInt8>) {
        self.name = Array(name)
        self.value = Array(value)
    }

    init(_ name: String, _ value: String) { self.init(name.utf8, value.utf8) }

    var description: String { "\(String(decoding: name, as: UTF8.self)): \(String(decoding: value, as: UTF8.self))" }
}

extension [HPACKField] {
    init(_ fields: KeyValuePairs<String, String>) { self = fields.map { HPACKField($0, $1) } }

    var block: FieldBlock {
        var block = FieldBlock()
        for field in self {
            field.name.withUnsafeBytes { name in
                field.value.withUnsafeBytes { block.append(lowercaseName: name, value: $0) }
            }
        }
        return block
    }
}
