// rtbridge: the health endpoints over HTTP.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgeWire
import NIOCore

extension LocalPages {
    /// `/livez` and `/readyz`, in text or, where Accept asks for it, JSON: 200, or 503 with every reason.
    static func health(_ config: Health, _ state: HealthState) -> LocalPages {
        var pages = LocalPages()
        pages.add(config.livePath) { page($0, word: "live", reasons: []) }
        pages.add(config.readyPath) { page($0, word: "ready", reasons: state.reasons) }
        return pages
    }

    private static func page(_ acceptsJSON: Bool, word: String, reasons: [String]) -> LocalPage {
        var fields = FieldBlock()
        fields.append("cache-control", "no-store")
        let status = reasons.isEmpty ? 200 : 503
        let verdict = reasons.isEmpty ? word : "not \(word)"
        guard acceptsJSON else {
            fields.append("content-type", "text/plain; charset=utf-8")
            let text = ([verdict] + reasons).joined(separator: "\n") + "\n"
            return LocalPage(status: status, fields: fields, body: ByteBuffer(string: text))
        }
        fields.append("content-type", "application/json")
        let list = reasons.map { "\"\(escaped($0))\"" }.joined(separator: ",")
        let json = "{\"status\":\"\(verdict)\",\"reasons\":[\(list)]}\n"
        return LocalPage(status: status, fields: fields, body: ByteBuffer(string: json))
    }

    /// RFC 8259 §7, for texts of our own making.
    private static func escaped(_ text: String) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\":
                escaped += "\\"
                escaped.unicodeScalars.append(scalar)
            case _ where scalar.value < 0x20: escaped += " "
            case _: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }
}
