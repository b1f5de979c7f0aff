// rtbridge: body pieces that wait for a back-end.
// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// Body pieces in order, while there is nobody to take them. The front leg that delivers them bounds their sum.
struct HeldBytes {
    private var pieces: [(bytes: ByteBuffer, flags: BodyFlags)] = []

    var isEmpty: Bool { pieces.isEmpty }

    mutating func append(_ bytes: ByteBuffer, _ flags: BodyFlags) {
        guard let last = pieces.indices.last, pieces[last].flags.isEmpty, flags.isEmpty else {
            pieces.append((bytes, flags))
            return
        }
        // A byte stream may be joined, so that tiny pieces do not each cost an entry.
        pieces[last].bytes.writeImmutableBuffer(bytes)
    }

    mutating func removeAll() -> [(bytes: ByteBuffer, flags: BodyFlags)] {
        defer { pieces = [] }
        return pieces
    }
}
