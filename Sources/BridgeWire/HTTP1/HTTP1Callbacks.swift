// rtbridge: the way from llhttp's calls back to the parser that they are for.
// SPDX-License-Identifier: Apache-2.0

internal import CNIOLLHTTP

/// The table of calls that all parsers share.
///
/// Safety: written to before anybody has it, and never again; it lives as long as the process.
struct HTTP1Callbacks: @unchecked Sendable {
    static let shared = HTTP1Callbacks()

    let settings: UnsafeMutablePointer<llhttp_settings_t>

    private init() {
        settings = .allocate(capacity: 1)
        c_nio_llhttp_settings_init(settings)
        settings.pointee.on_message_begin = { machine in Self.parser(machine) { $0.messageBegan() } }
        settings.pointee.on_url = { machine, bytes, count in
            Self.parser(machine) { $0.target(UnsafeRawBufferPointer(start: bytes, count: count)) }
        }
        settings.pointee.on_header_field = { machine, bytes, count in
            Self.parser(machine) { $0.name(UnsafeRawBufferPointer(start: bytes, count: count)) }
        }
        settings.pointee.on_header_value = { machine, bytes, count in
            Self.parser(machine) { $0.value(UnsafeRawBufferPointer(start: bytes, count: count)) }
        }
        settings.pointee.on_headers_complete = { machine in Self.parser(machine) { $0.headEnded() } }
        settings.pointee.on_body = { machine, bytes, count in
            Self.parser(machine) { $0.body(UnsafeRawBufferPointer(start: bytes, count: count)) }
        }
        settings.pointee.on_message_complete = { machine in Self.parser(machine) { $0.messageEnded() } }
    }

    /// llhttp calls within ``HTTP1Parser/parse(_:)`` and ``HTTP1Parser/finish()`` alone: the parser is alive.
    @inline(__always)
    private static func parser(_ machine: UnsafeMutablePointer<llhttp_t>?, _ body: (HTTP1Parser) -> CInt) -> CInt {
        guard let data = machine?.pointee.data else { return HTTP1Parser.stop }
        return Unmanaged<HTTP1Parser>.fromOpaque(data)._withUnsafeGuaranteedRef(body)
    }
}
