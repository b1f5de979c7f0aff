// rtbridge: no two listeners on one address.
// SPDX-License-Identifier: Apache-2.0

/// Ports of UDP and of TCP are not the same ones, even where they have the same number.
enum AddressCheck {
    private struct Place: Hashable {
        var address: Address
        var isUDP: Bool
    }

    static func refuseDoubles(_ listeners: [Named<Listener>], admin: Admin?, _ root: ObjectReader) {
        var owners: [Place: String] = [:]
        for listener in listeners {
            guard let entry = listener.entry else { continue }
            if case .host(_, 0) = entry.address { continue }
            let place = Place(address: entry.address, isUDP: entry.withoutHTTP == .udp)
            if let owner = owners.updateValue("the listener \(quoted(listener.name))", forKey: place) {
                refuse(owner, at: listener.reader.path.key("address"), root)
            }
        }
        if let address = admin?.address, let owner = owners[Place(address: address, isUDP: false)] {
            refuse(owner, at: root.value.path.key("admin").key("address"), root)
        }
    }

    private static func refuse(_ owner: String, at path: JSONPath, _ root: ObjectReader) {
        root.refuse(at: path, "is the address of \(owner) as well", hint: "Give each a port of its own.")
    }
}
