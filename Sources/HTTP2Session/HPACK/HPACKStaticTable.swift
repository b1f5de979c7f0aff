// rtbridge: the static table of HPACK.
// SPDX-License-Identifier: Apache-2.0

/// The table of RFC 7541 Appendix A, made once in the process and never changed. A value is a pointer to it.
///
/// Safety: nothing writes to the memory after ``shared`` is made; it is never given back.
struct HPACKStaticTable: @unchecked Sendable {
    /// By index; the one at 0 means nothing.
    let entries: UnsafePointer<HPACKStaticEntry>
    /// First indices, names of one length together.
    private let names: UnsafePointer<UInt8>
    /// By length of a name: where its kind begins in ``names``.
    private let starts: UnsafePointer<UInt8>

    static let shared = HPACKStaticTable()

    static let count = 61
    private static let longestName = 27

    /// RFC 7541 Appendix A: a line each, the value behind the space.
    private static let text: StaticString = """
        :authority
        :method GET
        :method POST
        :path /
        :path /index.html
        :scheme http
        :scheme https
        :status 200
        :status 204
        :status 206
        :status 304
        :status 400
        :status 404
        :status 500
        accept-charset
        accept-encoding gzip, deflate
        accept-language
        accept-ranges
        accept
        access-control-allow-origin
        age
        allow
        authorization
        cache-control
        content-disposition
        content-encoding
        content-language
        content-length
        content-location
        content-range
        content-type
        cookie
        date
        etag
        expect
        expires
        from
        host
        if-match
        if-modified-since
        if-none-match
        if-range
        if-unmodified-since
        last-modified
        link
        location
        max-forwards
        proxy-authenticate
        proxy-authorization
        range
        referer
        refresh
        retry-after
        server
        set-cookie
        strict-transport-security
        transfer-encoding
        user-agent
        vary
        via
        www-authenticate
        """

    private init() {
        let entries = UnsafeMutablePointer<HPACKStaticEntry>.allocate(capacity: Self.count + 1)
        let text = UnsafeRawBufferPointer(start: Self.text.utf8Start, count: Self.text.utf8CodeUnitCount)
        entries.initialize(to: HPACKStaticEntry(line: text[0..<0], first: 0))
        var first = 0
        for (number, line) in text.split(separator: UInt8(ascii: "\n")).enumerated() {
            let index = number + 1
            let entry = HPACKStaticEntry(line: line, first: index)
            if first == 0 || !HPACKBytes.areEqual(entries[first].nameBytes, entry.nameBytes) { first = index }
            (entries + index).initialize(to: HPACKStaticEntry(line: line, first: first))
        }
        let names = UnsafeMutablePointer<UInt8>.allocate(capacity: Self.count)
        let starts = UnsafeMutablePointer<UInt8>.allocate(capacity: Self.longestName + 2)
        var place = 0
        for length in 0...Self.longestName {
            starts[length] = UInt8(place)
            for index in 1...Self.count where entries[index].nameLength == length && entries[index].first == index {
                names[place] = UInt8(index)
                place += 1
            }
        }
        starts[Self.longestName + 1] = UInt8(place)
        self.entries = UnsafePointer(entries)
        self.names = UnsafePointer(names)
        self.starts = UnsafePointer(starts)
    }

    /// - Returns: the first index with this name, or 0.
    func index(ofName name: UnsafeRawBufferPointer) -> Int {
        guard name.count <= Self.longestName else { return 0 }
        for place in Int(starts[name.count])..<Int(starts[name.count &+ 1]) {
            let index = Int(names[place])
            if HPACKBytes.areEqual(entries[index].nameBytes, name) { return index }
        }
        return 0
    }

    /// - Parameter first: what ``index(ofName:)`` gave, not 0.
    /// - Returns: the index with this value as well, or 0.
    func index(ofValue value: UnsafeRawBufferPointer, from first: Int) -> Int {
        var index = first
        while index <= Self.count, entries[index].first == first {
            if HPACKBytes.areEqual(entries[index].valueBytes, value) { return index }
            index &+= 1
        }
        return 0
    }
}
