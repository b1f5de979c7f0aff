// rtbridge: no two listeners on one address.
// SPDX-License-Identifier: Apache-2.0

enum AddressCheck {
    static func refuseDoubles(_ listeners: [Named<Listener>], admin: Admin?, _ root: ObjectReader) {
        var owners: [Address: String] = [:]
        for listener in listeners {
            guard let address = listener.entry?.address else { continue }
            if case .host(_, 0) = address { continue }
            if let owner = owners.updateValue("the listener \(quoted(listener.name))", forKey: address) {
                refuse(address, owner, at: listener.reader.path.key("address"), root)
            }
        }
        if let address = admin?.address, let owner = owners[address] {
            refuse(address, owner, at: root.value.path.key("admin").key("address"), root)
        }
    }

    private static func refuse(_ address: Address, _ owner: String, at path: JSONPath, _ root: ObjectReader) {
        root.refuse(at: path, "is the address of \(owner) as well", hint: "Give each a port of its own.")
    }
}
