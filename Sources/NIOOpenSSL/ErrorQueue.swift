// rtbridge: the thread's OpenSSL error queue as text.
// SPDX-License-Identifier: Apache-2.0
import COpenSSL

/// OpenSSL's error queue, which belongs to the thread. What an earlier call left there would be read as the next call's
/// failure (SSL_get_error(3): "The current thread's error queue must be empty before the TLS/SSL I/O operation is
/// attempted"), so it is cleared before each of them.
enum ErrorQueue {
    /// Empties the queue. An empty one, the usual case, costs one look.
    @inline(__always)
    static func clear() {
        if ERR_peek_error() != 0 { ERR_clear_error() }
    }

    /// An entry of the queue.
    struct Entry {
        var library: Int32
        var reason: Int32
        /// The reason as OpenSSL words it, `no shared cipher`, and what it adds to it.
        var text: String
    }

    /// Takes all entries out, oldest first.
    static func drain() -> [Entry] {
        var entries: [Entry] = []
        var data: UnsafePointer<CChar>?
        var flags: Int32 = 0
        while case let code = ERR_get_error_all(nil, nil, nil, &data, &flags), code != 0 {
            var text = ERR_reason_error_string(code).map { String(cString: $0) } ?? "error \(code)"
            if flags & ERR_TXT_STRING != 0, let data, data.pointee != 0 { text += " (\(String(cString: data)))" }
            entries.append(Entry(library: ERR_GET_LIB(code), reason: ERR_GET_REASON(code), text: text))
        }
        return entries
    }

    /// Takes all entries out and joins their texts; `fallback` where there are none.
    static func drainText(or fallback: String) -> String {
        let entries = drain()
        return entries.isEmpty ? fallback : text(of: entries)
    }

    /// The texts joined, one that repeats the last left out.
    static func text(of entries: [Entry]) -> String {
        var texts: [String] = []
        for entry in entries where entry.text != texts.last { texts.append(entry.text) }
        return texts.joined(separator: "; ")
    }
}
