// rtbridge: the playground's files, as they are served.
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import BridgeDemo

@Suite struct DemoPageTests {
    let page = DemoPage(version: "1.2.3-test")

    func text(_ path: String) throws -> String {
        String(decoding: try #require(page.resource(at: path), "\(path) is missing").bytes, as: UTF8.self)
    }

    @Test func theRootIsThePageWithTheVersionInIt() throws {
        let html = try text("/")
        #expect(html.hasPrefix("<!doctype html>"))
        #expect(html.contains("1.2.3-test"))
        #expect(!html.contains("@VERSION@"))
        #expect(try text("/index.html") == html)
    }

    @Test func nothingIsServedThatIsNotInTheTable() {
        for path in ["", "//", "/../DemoPage.swift", "/app.js/", "/APP.JS", "app.js"] {
            #expect(page.resource(at: path) == nil, "\(path)")
        }
    }

    @Test func everyFileHasItsTypeAndIsKeptToItsOrigin() throws {
        let types = [
            "html": "text/html; charset=utf-8", "js": "text/javascript; charset=utf-8",
            "css": "text/css; charset=utf-8", "svg": "image/svg+xml",
        ]
        for path in page.paths {
            let resource = try #require(page.resource(at: path))
            let suffix = path == "/" ? "html" : path.split(separator: ".").last.map(String.init)
            #expect("\(resource.contentType)" == types[suffix ?? ""], "\(path)")
            #expect(!resource.bytes.isEmpty)
        }
        let fields = DemoPage.fields(contentType: "text/html")
        #expect(fields.string("content-security-policy")?.hasPrefix("default-src 'self'; ") == true)
        #expect(fields.string("cache-control") == "no-cache")
        #expect(fields.string("x-content-type-options") == "nosniff")
    }

    /// CSP `default-src 'self'` refuses inline scripts, inline styles and event handlers in attributes.
    @Test func thePageHasNothingInlineAndLoadsNothingFromElsewhere() throws {
        let html = try text("/")
        #expect(html.matches(of: /<script/).count == html.matches(of: /<script type="module" src="app.js">/).count)
        for pattern in ["<style", " style=", " onclick=", " onload=", "javascript:", "src=\"http", "<iframe"] {
            #expect(!html.contains(pattern), "\(pattern)")
        }
        let links = html.matches(of: /<link [^>]*href="([^"]*)"/).map { String($0.1) }
        #expect(links == ["favicon.svg", "style.css"])
        #expect(!(try text("/style.css").contains("url(")))
    }

    @Test func everyFileThatIsReferredToIsThere() throws {
        for path in page.paths where path.hasSuffix(".js") || path == "/" {
            for reference in try text(path).matches(of: /(?:from "\.|src="|href=")\/?([a-z]+\.(?:js|css|svg))"/) {
                #expect(page.resource(at: "/" + reference.1) != nil, "\(path) refers to \(reference.1)")
            }
        }
    }

    /// Scripts look elements up by id and stop where one is missing.
    @Test func everyIdThatAScriptLooksUpIsInThePage() throws {
        let html = try text("/")
        var lookups = 0
        for path in page.paths where path.hasSuffix(".js") {
            for lookup in try text(path).matches(of: /byId\("([a-z-]+)"\)/) {
                lookups += 1
                #expect(html.contains("id=\"\(lookup.1)\""), "\(path) looks for \(lookup.1)")
            }
        }
        #expect(lookups > 50)
    }
}
