// rtbridge: fields as tests write them.
// SPDX-License-Identifier: Apache-2.0

import BridgeWire

extension FieldBlock: ExpressibleByDictionaryLiteral {
    public init(dictionaryLiteral elements: (String, String)...) {
        self.init()
        for (name, value) in elements { append(name, value) }
    }

    static let get: FieldBlock = [":method": "GET", ":scheme": "http", ":path": "/", ":authority": "test"]
    static let post: FieldBlock = [":method": "POST", ":scheme": "http", ":path": "/call", ":authority": "test"]
    static let ok: FieldBlock = [":status": "200"]
}
