// rtbridge: what is wrong with a block of fields.
// SPDX-License-Identifier: Apache-2.0

/// A peer's block breaks RFC 7541: the connection ends with COMPRESSION_ERROR (RFC 9113 §4.3).
enum HPACKError: UInt8, Error {
    /// The block ends within a field.
    case truncated
    /// RFC 7541 §5.1: "Integer encodings that exceed implementation limits -- in value or octet length -- MUST be treated as
    /// decoding errors." Ours is 2^32 - 1, in at most five octets behind the prefix.
    case integerTooLarge
    /// RFC 7541 §6.1: "The index value of 0 is not used. It MUST be treated as a decoding error".
    case indexZero
    /// RFC 7541 §2.3.3: "Indices strictly greater than the sum of the lengths of both tables MUST be treated as a decoding
    /// error."
    case indexBeyondTable
    /// RFC 7541 §6.3: "The new maximum size MUST be lower than or equal to the limit determined by the protocol".
    case sizeUpdateAboveLimit
    /// RFC 7541 §4.2: "This dynamic table size update MUST occur at the beginning of the first header block".
    case sizeUpdateBehindFields
    /// RFC 7541 §5.2: "A Huffman-encoded string literal containing the EOS symbol MUST be treated as a decoding error."
    case endOfStringSymbol
    /// RFC 7541 §5.2: "A padding strictly longer than 7 bits MUST be treated as a decoding error. A padding not corresponding
    /// to the most significant bits of the code for the EOS symbol MUST be treated as a decoding error."
    case huffmanPadding
}
