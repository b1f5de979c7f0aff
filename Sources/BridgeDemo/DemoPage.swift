// rtbridge: the playground page: its files, embedded in the program, and the headers they are served with.
// SPDX-License-Identifier: Apache-2.0

import BridgeServer
import BridgeWire
import NIOCore

/// The files of the playground, by path. `/` is the page itself.
public struct DemoPage: Sendable {
    /// A file as it is served.
    public struct Resource: Sendable {
        public var contentType: StaticString
        public var bytes: [UInt8]
    }

    /// Everything comes from the page's own origin, WebSockets included; there is no inline script or style
    /// (Content Security Policy Level 3 §6.1.2, §6.7.2.8: `'self'` matches `wss:` of the same host and port).
    public static let contentSecurityPolicy =
        "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'"

    /// Header fields of a file, besides its length.
    public static func fields(contentType: StaticString) -> FieldBlock {
        var fields = FieldBlock()
        fields.append("content-type", contentType)
        fields.append("cache-control", "no-cache")
        fields.append("content-security-policy", contentSecurityPolicy.utf8)
        fields.append("x-content-type-options", "nosniff")
        fields.append("referrer-policy", "no-referrer")
        return fields
    }

    /// What stands in index.html where the version is to be shown.
    private static let versionMark = "@VERSION@"

    private let resources: [String: Resource]

    /// - Parameter version: what the page shows as rtbridge's version; written into HTML as it is.
    public init(version: String) {
        let page = String(decoding: PackageResources.index_html, as: UTF8.self)
            .split(separator: Self.versionMark, omittingEmptySubsequences: false).joined(separator: version)
        var resources = ["/": Resource(contentType: "text/html; charset=utf-8", bytes: Array(page.utf8))]
        resources["/index.html"] = resources["/"]
        for (name, type, bytes) in Self.files {
            resources["/" + name] = Resource(contentType: type, bytes: bytes)
        }
        self.resources = resources
    }

    /// The file at a path without its query; nil where there is none.
    public func resource(at path: some StringProtocol) -> Resource? { resources[String(path)] }

    /// Every path that there is, in order.
    public var paths: [String] { resources.keys.sorted() }

    /// All of them, for a bridge to serve.
    public var pages: LocalPages {
        var pages = LocalPages()
        for (path, resource) in resources {
            let fields = Self.fields(contentType: resource.contentType)
            let page = LocalPage(fields: fields, body: ByteBuffer(bytes: resource.bytes))
            pages.add(path) { _ in page }
        }
        return pages
    }

    private static let script: StaticString = "text/javascript; charset=utf-8"

    private static var files: [(name: String, contentType: StaticString, bytes: [UInt8])] {
        [
            ("app.js", script, PackageResources.app_js),
            ("control.js", script, PackageResources.control_js),
            ("dom.js", script, PackageResources.dom_js),
            ("favicon.svg", "image/svg+xml", PackageResources.favicon_svg),
            ("flow.js", script, PackageResources.flow_js),
            ("grpcsocket.js", script, PackageResources.grpcsocket_js),
            ("grpcweb.js", script, PackageResources.grpcweb_js),
            ("health.js", script, PackageResources.health_js),
            ("plot.js", script, PackageResources.plot_js),
            ("proto.js", script, PackageResources.proto_js),
            ("ruler.js", script, PackageResources.ruler_js),
            ("stream.js", script, PackageResources.stream_js),
            ("streams.js", script, PackageResources.streams_js),
            ("style.css", "text/css; charset=utf-8", PackageResources.style_css),
            ("tcp.js", script, PackageResources.tcp_js),
            ("udp.js", script, PackageResources.udp_js),
            ("unary.js", script, PackageResources.unary_js),
            ("wireview.js", script, PackageResources.wireview_js),
        ]
    }
}
