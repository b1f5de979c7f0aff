// rtbridge: errno as text.
// SPDX-License-Identifier: Apache-2.0

import Glibc
import NIOCore

enum Errno {
    /// The system's own words in lower case: "connection refused".
    static func text(_ error: IOError) -> String {
        guard let text = strerror(error.errnoCode) else { return "errno \(error.errnoCode)" }
        return String(cString: text).lowercased()
    }
}
