// rtbridge: names and addresses of hosts.
// SPDX-License-Identifier: Apache-2.0
import COpenSSL

enum HostName {
    /// Whether `name` is an IPv4 or IPv6 address in text, without brackets.
    static func isAddress(_ name: String) -> Bool {
        guard let address = a2i_IPADDRESS(name) else {
            ErrorQueue.clear()
            return false
        }
        ASN1_STRING_free(address)
        return true
    }

    /// Whether `name` is made of labels of 1 to 63 letters, digits, hyphens and underscores, 253 bytes at most
    /// (RFC 1123 §2.1). `*` may stand as the first label. A trailing dot is not a label.
    static func isDNSName(_ name: String) -> Bool {
        guard (1...253).contains(name.utf8.count) else { return false }
        let labels = name.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        return labels.enumerated().allSatisfy { index, label in
            if index == 0, labels.count > 1, label.elementsEqual("*".utf8) { return true }
            return (1...63).contains(label.count) && label.allSatisfy(isLabelByte)
        }
    }

    private static func isLabelByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        default: false
        }
    }
}
