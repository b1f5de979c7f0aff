// rtbridge: reading the whole document.
// SPDX-License-Identifier: Apache-2.0

extension Kind where Value == Document {
    /// The root of a configuration file.
    static var document: Kind {
        .object { o in
            var document = Document()
            var version = 1
            o.read("version", into: &version, as: .version)

            let names = Names()
            var listeners: [Named<Listener>] = []
            o.require("listeners", into: &listeners, as: .named(atLeast: 1) { .listener(named: $0) })
            names.listeners = listeners.map(\.name)
            names.listenersWithoutHTTP = Dictionary(
                listeners.compactMap { listener in listener.entry?.withoutHTTP.map { (listener.name, $0) } },
                uniquingKeysWith: { first, _ in first })
            names.tlsListeners = listeners.filter { $0.entry?.tls != nil }.map(\.name)
            document.listeners = listeners.compactMap(\.entry)

            var backends: [Named<Backend>] = []
            o.read("backends", into: &backends, as: .named { .backend(named: $0) })
            names.backends = Dictionary(backends.map { ($0.name, $0.entry) }, uniquingKeysWith: { first, _ in first })
            document.backends = backends.compactMap(\.entry)

            document.admin = o.optional("admin", as: .admin)
            o.read("health", into: &document.health, as: .health(names))
            o.require("routes", into: &document.routes, as: .routes(names))
            o.read("shutdown", into: &document.shutdown, as: .shutdown)
            o.read("logging", into: &document.logging, as: .logging)
            o.read("workers", into: &document.workers, as: .count(in: 0...1024))
            AddressCheck.refuseDoubles(listeners, admin: document.admin, o)
            return document
        }
    }
}

/// The names that one part of the document gives and another uses.
final class Names {
    var listeners: [String] = []
    /// Of these, those without HTTP, and those with TLS.
    var listenersWithoutHTTP: [String: FrontProtocolName] = [:]
    var tlsListeners: [String] = []
    /// nil where something is wrong with the entry; its name is known all the same.
    var backends: [String: Backend?] = [:]
}

extension Kind where Value == String {
    /// A name that must be one of a few.
    static func name(of what: String, in known: [String]) -> Kind {
        .init(
            read: { value in
                guard let text = value.text() else { return nil }
                if known.contains(text.value) { return text.value }
                let nearest = text.isReplaced ? nil : Suggestion.nearest(to: text.value, in: known)
                value.refuse(
                    text,
                    Fault(
                        "is not the name of a \(what)",
                        hint: known.isEmpty
                            ? "There is none."
                            : Suggestion.hint(
                                for: text.value, nearest: nearest, known: known.sorted().map(quoted), title: "Known"))
                )
                return nil
            },
            show: { quoted($0) })
    }
}

// MARK: - Small parts

extension Kind where Value == Int {
    /// Of the format of the file.
    static var version: Kind {
        var kind = Kind.count(in: 1...1)
        kind.read = { value in
            if value.node.value == .number("1") { return 1 }
            value.refuse("is a version that this build does not know", hint: "Write 1, or leave the key out.")
            return nil
        }
        return kind
    }
}

extension Kind where Value == Admin {
    static var admin: Kind {
        .object { o in
            o.required("address", as: .listenerAddress, hint: #"Write for example "address": "127.0.0.1:9901"."#)
                .map { Admin(address: $0) }
        }
    }
}

extension Kind where Value == Health {
    static func health(_ names: Names) -> Kind {
        .object { o in
            var health = Health()
            let paths = Kind<Void>.object { o in
                o.read("live", into: &health.livePath, as: .text(MatchText.path))
                o.read("ready", into: &health.readyPath, as: .text(MatchText.path))
                if health.livePath == health.readyPath {
                    o.refuse("ready", "live and ready have the same path", hint: "Write two paths.")
                }
            }
            _ = o.optional("paths", as: paths)
            o.read(
                "onListeners", into: &health.onListeners,
                as: .distinct(
                    .name(
                        of: "listener with HTTP", in: names.listeners.filter { names.listenersWithoutHTTP[$0] == nil }))
            )
            o.read(
                "requireBackends", into: &health.requireBackends,
                as: .distinct(.name(of: "back-end in \"backends\"", in: names.backends.keys.sorted())))
            return health
        }
    }
}

extension Kind where Value == Shutdown {
    static var shutdown: Kind {
        .object { o in
            var shutdown = Shutdown()
            o.read("drain", into: &shutdown.drain, as: .duration(in: .zero...DurationText.anyTimer.upperBound))
            return shutdown
        }
    }
}

extension Kind where Value == LoggingOptions {
    static var logging: Kind {
        .object { o in
            var logging = LoggingOptions()
            o.read("format", into: &logging.format, as: .word())
            o.read("level", into: &logging.level, as: .word())
            o.read("access", into: &logging.access, as: .flag)
            o.read("redact", into: &logging.redact, as: .distinct(.text(MatchText.fieldName)))
            return logging
        }
    }
}
