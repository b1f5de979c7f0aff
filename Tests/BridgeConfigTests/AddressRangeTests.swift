// rtbridge: ranges of IP addresses.
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import BridgeConfig

struct AddressRangeTests {
    @Test(arguments: [
        ("10.0.0.0/8", "10.255.255.255", true), ("10.0.0.0/8", "11.0.0.0", false), ("0.0.0.0/0", "203.0.113.9", true),
        ("0.0.0.0/0", "::1", false), ("192.0.2.1", "192.0.2.1", true), ("192.0.2.1", "192.0.2.2", false),
        ("192.0.2.128/25", "192.0.2.129", true), ("192.0.2.128/25", "192.0.2.127", false),
        ("10.0.0.0/8", "::ffff:10.1.2.3", true), ("10.0.0.0/8", "::10.1.2.3", false), ("::1", "::1", true),
        ("2001:db8::/33", "2001:db8:7fff::1", true), ("2001:db8::/33", "2001:db8:8000::1", false),
        ("::/0", "2001:db8::1", true), ("::/0", "192.0.2.1", false), ("10.0.0.0/8", "unix", false),
    ])
    func anAddressIsInARangeOrNot(_ range: String, _ address: String, _ isIn: Bool) throws {
        #expect(try AddressRange.parse(range).contains(address) == isIn)
    }

    @Test(arguments: [
        "", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.1/8", "10/8", "::1/129", "::1/64", "a",
        "10.0.0.0/8/8", "10.0.0.0/+8",
    ])
    func whatIsNoRangeIsRefused(_ text: String) {
        #expect(throws: Fault.self) { try AddressRange.parse(text) }
    }
}
