// rtbridge: request heads as tests write them.
// SPDX-License-Identifier: Apache-2.0

import BridgeCore
import BridgeWire

extension RequestHead {
    static func make(
        _ method: String = "POST", _ path: String = "/", host: String? = "api.example.com", version: Version = .http2,
        _ fields: [(String, String)] = []
    ) -> RequestHead {
        var block = FieldBlock()
        block.append(":method", method)
        block.append(":path", path)
        if let host { block.append(":authority", host) }
        for (name, value) in fields { block.append(name, value) }
        let connection = ConnectionInfo(listener: "public", isTLS: true, client: "198.51.100.1")
        return RequestHead(version: version, fields: block, connection: connection)
    }
}
