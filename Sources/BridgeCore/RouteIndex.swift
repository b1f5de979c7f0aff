// rtbridge: which routes a request may match, without asking each of them.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgeWire

/// Leads from a request's host and path to the few routes that may match it, so that a look-up costs the same with ten
/// routes and with ten thousand. It answers with numbers; whether a route does match is its matcher's to say, so two
/// keys may share a hash.
struct RouteIndex {
    /// Routes of one host, or of any.
    private struct Paths {
        var exact: [UInt64: [Int]] = [:]
        var prefixes: [UInt64: [Int]] = [:]
        /// The lengths of ``prefixes``, ascending.
        var prefixLengths: [Int] = []
        /// Routes that ask for no path.
        var rest: [Int] = []

        mutating func add(_ number: Int, path: [UInt8]?, prefix: [UInt8]?) {
            if let path {
                exact[Hash.of(path), default: []].append(number)
            } else if let prefix {
                prefixes[Hash.of(prefix), default: []].append(number)
                if !prefixLengths.contains(prefix.count) { prefixLengths = (prefixLengths + [prefix.count]).sorted() }
            } else {
                rest.append(number)
            }
        }

        /// Calls `visit` with the numbers, ascending, of each group that the path leads to.
        func forEachGroup(_ head: RequestHead, _ visit: ([Int]) -> Void) {
            if !rest.isEmpty { visit(rest) }
            if !exact.isEmpty || !prefixLengths.isEmpty { forEachGroupOfPath(head, visit) }
        }

        /// By itself, so that where no route asks for a path nothing is counted for it.
        @inline(never)
        private func forEachGroupOfPath(_ head: RequestHead, _ visit: ([Int]) -> Void) {
            head.withPath { bytes in
                var hash = Hash()
                var taken = 0
                for length in prefixLengths where length <= bytes.count {
                    while taken < length {
                        hash.add(bytes[taken])
                        taken += 1
                    }
                    if let group = prefixes[hash.value] { visit(group) }
                }
                guard !exact.isEmpty else { return }
                for byte in bytes[taken...] { hash.add(byte) }
                if let group = exact[hash.value] { visit(group) }
            }
        }
    }

    /// FNV-1a (Fowler, Noll, Vo), 64 bits. Requests only ask; what is in the tables comes from the configuration.
    private struct Hash {
        private(set) var value: UInt64 = 0xcbf2_9ce4_8422_2325
        mutating func add(_ byte: UInt8) { value = (value ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }

        static func of(_ bytes: some Sequence<UInt8>) -> UInt64 {
            var hash = Hash()
            for byte in bytes { hash.add(byte) }
            return hash.value
        }
    }

    private var anyHost = Paths()
    private var hosts: [UInt64: Paths] = [:]
    /// By the suffix with its leading dot.
    private var suffixes: [UInt64: Paths] = [:]

    init(_ matchers: [RouteMatcher]) {
        for (number, matcher) in matchers.enumerated() {
            switch matcher.host {
            case nil: anyHost.add(number, path: matcher.path, prefix: matcher.prefix)
            case .exact(let host):
                hosts[Hash.of(host.utf8), default: Paths()].add(number, path: matcher.path, prefix: matcher.prefix)
            case .suffix(let suffix):
                suffixes[Hash.of(suffix.utf8), default: Paths()].add(number, path: matcher.path, prefix: matcher.prefix)
            }
        }
    }

    /// Calls `visit` with groups of numbers, each ascending, that together hold every route that matches the request.
    func forEachGroup(_ head: RequestHead, _ visit: ([Int]) -> Void) {
        anyHost.forEachGroup(head, visit)
        if !hosts.isEmpty || !suffixes.isEmpty { forEachGroupOfHost(head, visit) }
    }

    @inline(never)
    private func forEachGroupOfHost(_ head: RequestHead, _ visit: ([Int]) -> Void) {
        let name = Array(head.hostName.utf8)
        hosts[Hash.of(name)]?.forEachGroup(head, visit)
        guard !suffixes.isEmpty else { return }
        for dot in name.indices where name[dot] == UInt8(ascii: ".") {
            suffixes[Hash.of(name[dot...])]?.forEachGroup(head, visit)
        }
    }
}
