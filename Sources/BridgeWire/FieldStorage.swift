// rtbridge: the memory of a block of fields.
// SPDX-License-Identifier: Apache-2.0

/// Bytes behind an object's head, in the same allocation; ``ManagedBuffer/header`` says how many.
/// Written to by a ``FieldBlock`` that holds the only reference, and by nobody else.
@usableFromInline
final class FieldStorage: ManagedBuffer<Int, UInt8> {
    @inlinable
    static func make(_ capacity: Int) -> FieldStorage {
        unsafeDowncast(create(minimumCapacity: capacity) { _ in capacity }, to: FieldStorage.self)
    }

    /// Valid as long as the object is.
    @inlinable
    var bytes: UnsafeMutableRawPointer { withUnsafeMutablePointerToElements { UnsafeMutableRawPointer($0) } }
}
