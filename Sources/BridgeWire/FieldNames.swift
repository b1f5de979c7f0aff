// rtbridge: a few names of fields, as a set that is quick to say no.
// SPDX-License-Identifier: Apache-2.0

/// Names in lower case. Most names are told apart by their length alone.
public struct FieldNames: Sendable, ExpressibleByArrayLiteral {
    private let names: [StaticString]
    /// Bit n: there is a name of n bytes. Names of 63 bytes and more share the last bit.
    let lengths: UInt64

    public init(arrayLiteral names: StaticString...) { self.init(names) }

    public init(_ names: [StaticString]) {
        self.names = names
        lengths = names.reduce(0) { $0 | Self.bit($1.utf8CodeUnitCount) }
    }

    /// These names and further ones.
    public func adding(_ more: StaticString...) -> FieldNames { FieldNames(names + more) }

    @inlinable
    @inline(__always)
    static func bit(_ length: Int) -> UInt64 { 1 << UInt64(min(length, 63)) }

    /// `name` must be in lower case.
    public func contains(_ name: UnsafeRawBufferPointer) -> Bool {
        guard lengths & Self.bit(name.count) != 0 else { return false }
        for own in names where FieldBytes.areEqual(name, own) { return true }
        return false
    }
}
