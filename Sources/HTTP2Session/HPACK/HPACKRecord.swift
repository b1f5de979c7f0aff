// rtbridge: a field of the dynamic table of HPACK.
// SPDX-License-Identifier: Apache-2.0

/// Where a field lies in the memory of its ``HPACKTable``: its value follows its name.
struct HPACKRecord {
    var position: UInt32
    var nameLength: UInt32
    var valueLength: UInt32
    /// The table's owner's: the decoder's number of a known name, the encoder's hash.
    var tag: UInt32
}
