// rtbridge: reading listeners.
// SPDX-License-Identifier: Apache-2.0

extension Kind where Value == Listener {
    static func listener(named name: String) -> Kind {
        .object(synonyms: ["bind": "address", "listen": "address", "host": "address", "port": "address"]) { o in
            let address = o.required(
                "address", as: .listenerAddress, hint: #"Write for example "address": "0.0.0.0:8443"."#)
            var listener = Listener(name: name, address: address ?? .host("", port: 0))
            o.read("socketMode", into: &listener.socketMode, as: .fileMode)
            if address?.isUnix == false, o.has("socketMode") {
                o.refuse("socketMode", "only a Unix socket has a file", hint: "Leave the key out.")
            }
            o.read("protocols", into: &listener.protocols, as: .distinct(.httpVersion, atLeast: 1))
            checkAlone(listener, o)
            listener.tls = o.optional("tls", as: .listenerTLS)
            o.read("proxyProtocol", into: &listener.proxyProtocol, as: .listenerProxyProtocol)
            checkProxies(listener, o)
            if listener.withoutHTTP == .udp { checkDatagrams(listener, o) }
            o.read("limits", into: &listener.limits, as: .listenerLimits)
            return address == nil ? nil : listener
        }
    }

    private static func checkAlone(_ listener: Listener, _ o: ObjectReader) {
        let protocols = listener.protocols
        guard protocols.count > 1, let alone = protocols.first(where: { $0 == .tcp || $0 == .udp }) else { return }
        let other = protocols.first { $0 != alone }.map { $0 == .tcp || $0 == .udp ? quoted($0.rawValue) : "HTTP" }
        o.refuse(
            "protocols", "\(quoted(alone.rawValue)) stands beside \(other ?? "HTTP")",
            hint: "Give each a listener of its own.")
    }

    private static func checkDatagrams(_ listener: Listener, _ o: ObjectReader) {
        if listener.address.isUnix { o.refuse("address", "udp has no Unix sockets", hint: "Write a host and a port.") }
        if listener.tls != nil { o.refuse("tls", "udp listeners have no TLS", hint: "Leave the key out.") }
        if listener.proxyProtocol.accept {
            o.refuse(
                "proxyProtocol", "udp listeners take no PROXY header: it belongs to a connection, and UDP has none",
                hint: "Leave the key out.")
        }
    }

    private static func checkProxies(_ listener: Listener, _ o: ObjectReader) {
        let (options, place) = (listener.proxyProtocol, o.value.path.key("proxyProtocol"))
        if options.accept, options.trustedProxies.isEmpty, !listener.address.isUnix {
            o.refuse(
                at: place.key("trustedProxies"), "nobody may send the header",
                hint: #"Write the addresses of your proxies, for example ["10.0.0.0/8"]."#)
        }
        if !options.accept, !options.trustedProxies.isEmpty {
            o.refuse(at: place.key("trustedProxies"), "has no effect without accept", hint: "Write \"accept\": true.")
        }
    }
}

extension Kind where Value == ListenerProxyProtocol {
    static var listenerProxyProtocol: Kind {
        .object(synonyms: ["trusted": "trustedProxies", "enabled": "accept"]) { o in
            var options = ListenerProxyProtocol()
            o.read("accept", into: &options.accept, as: .flag)
            o.read("trustedProxies", into: &options.trustedProxies, as: .distinct(.addressRange))
            return options
        }
    }
}

extension Kind where Value == AddressRange {
    static var addressRange: Kind {
        var kind = Kind.parsed(AddressRange.parse)
        kind.show = { quoted($0.description) }
        return kind
    }
}

extension Kind where Value == UInt32 {
    /// The permissions of a file: `"0660"`.
    static var fileMode: Kind {
        var kind = Kind.parsed { text throws(Fault) in
            guard 3...4 ~= text.utf8.count, let mode = UInt32(text, radix: 8), mode <= 0o777 else {
                throw Fault("is no mode of a file", hint: #"Write for example "0660": owner and group may connect."#)
            }
            return mode
        }
        kind.show = { mode in
            let digits = String(mode, radix: 8)
            return quoted(String(repeating: "0", count: 4 - digits.count) + digits)
        }
        return kind
    }
}

extension Kind where Value == Address {
    /// Where something listens.
    static var listenerAddress: Kind {
        .parsed(expected: "an address", hint: AddressText.listenerExample, AddressText.listener)
    }

    /// What is dialled.
    static var endpoint: Kind {
        .parsed(expected: "an address", hint: AddressText.endpointExample, AddressText.endpoint)
    }
}

extension Kind where Value == Listener.HTTPVersion {
    static var httpVersion: Kind {
        let words = Listener.HTTPVersion.allCases.map(\.rawValue)
        let word = Kind<String>.word(words)
        return Kind(
            read: { word.read($0).flatMap { Listener.HTTPVersion(rawValue: $0) } },
            show: { quoted($0.rawValue) }, words: words)
    }
}

extension Kind where Value == ListenerLimits {
    static var listenerLimits: Kind {
        .object { o in
            var limits = ListenerLimits()
            o.read("maxConnections", into: &limits.maxConnections, as: .count(in: 1...10_000_000))
            o.later("maxConnectionsPerClient", unless: .zero)
            o.read("maxHeaderBytes", into: &limits.maxHeaderBytes, as: .size(in: 1024...(16 << 20)))
            o.read("headerTimeout", into: &limits.headerTimeout, as: .timer(in: DurationText.anyTimer))
            o.read("idleTimeout", into: &limits.idleTimeout, as: .timer(in: DurationText.anyTimer))
            // RFC 9113 §6.5.2: the setting has 32 bits; a window of flow control goes with each stream.
            o.read("maxConcurrentStreams", into: &limits.maxConcurrentStreams, as: .count(in: 1...1_000_000))
            return limits
        }
    }
}

// MARK: - TLS

extension Kind where Value == ListenerTLS {
    static var listenerTLS: Kind {
        .object(synonyms: ["certFile": "certificates", "keyFile": "certificates", "cert": "certificates"]) { o in
            var tls = ListenerTLS()
            let isClear = o.read("development", into: &tls.development, as: .flag)
            o.read("minVersion", into: &tls.minVersion, as: .word())
            tls.cipherSuites = o.optional("cipherSuites", as: .distinct(.openSSLName, atLeast: 1))
            tls.groups = o.optional("groups", as: .distinct(.openSSLName, atLeast: 1))
            var certificates: [ListenerTLS.Certificate] = []
            o.read("certificates", into: &certificates, as: .certificates)
            tls.certificate = certificates.first
            o.later("clientAuth", unless: .object(["mode": .word("none"), "caFile": .null]))
            o.read("sessionTickets", into: &tls.sessionTickets, as: .flag)
            o.later("watchFiles", unless: .false)
            if isClear { checkSource(tls, o) }
            return tls
        }
    }

    private static func checkSource(_ tls: ListenerTLS, _ o: ObjectReader) {
        let mend =
            #"Write "development": true to try things out, or "certificates": [{ "certFile": …, "keyFile": … }]."#
        if tls.development, o.has("certificates"), !o.isEmptyList("certificates") {
            o.refuse("development", "a development certificate beside certificates", hint: "Remove one of the two.")
        } else if !tls.development, !o.has("certificates") || o.isEmptyList("certificates") {
            o.refuse("certificates", "there is no certificate", hint: mend)
        }
    }
}

extension Kind where Value == [ListenerTLS.Certificate] {
    static var certificates: Kind {
        var list = Kind.list(of: .certificate)
        let read = list.read
        list.show = { _ in "[]" }
        list.read = { value in
            let certificates = read(value)
            if case .array(let nodes) = value.node.value, nodes.count > 1 {
                value.child(nodes[1], value.path.index(1)).refuse(
                    "more than one certificate is not supported yet", hint: "Keep one: it is served for every name.")
            }
            return certificates
        }
        return list
    }
}

extension Kind where Value == ListenerTLS.Certificate {
    static var certificate: Kind {
        .object(synonyms: ["cert": "certFile", "key": "keyFile", "certificate": "certFile"]) { o in
            var serverNames: [String] = []
            o.read("serverNames", into: &serverNames, as: .distinct(.text(MatchText.serverName)))
            let certFile = o.required("certFile", as: .readableFile, hint: #"Write for example "certFile": "api.pem"."#)
            let keyFile = o.required("keyFile", as: .readableFile, hint: #"Write for example "keyFile": "api.key"."#)
            o.later("ocspFile")
            var isDefault = true
            o.read("default", into: &isDefault, as: .flag)
            if !isDefault {
                o.refuse(
                    "default", "false is not supported yet", hint: "The one certificate is served for every name.")
            }
            guard let certFile, let keyFile else { return nil }
            return ListenerTLS.Certificate(certFile: certFile, keyFile: keyFile)
        }
    }
}

extension Kind where Value == String {
    /// The name of a cipher or group; OpenSSL takes lists of them with colons between.
    static var openSSLName: Kind {
        .text { text throws(Fault) in
            guard !text.isEmpty, text.utf8.allSatisfy({ Ascii.isAlphanumeric($0) || "-_".utf8.contains($0) }) else {
                throw Fault("is not one name in OpenSSL's spelling", hint: "Write one name an entry of the list.")
            }
            return text
        }
    }

    /// A file that is there and may be read: its absolute path.
    static var readableFile: Kind {
        .init(read: { value in
            guard let text = value.text() else { return nil }
            // An empty name is no name for the folder.
            let path = text.value.isEmpty ? "" : File.resolve(text.value, in: value.reading.expansion.directory)
            do throws(FileFault) {
                try File.checkReadable(path)
                return path
            } catch {
                value.refuse(text, Fault(error.description, hint: text.value.hasPrefix("/") ? nil : File.relativeHint))
                return nil
            }
        })
    }
}
