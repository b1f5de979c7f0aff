// rtbridge: `rtbridge demo`.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import BridgeDemo

struct DemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "Run the bridge with demo routes, back-ends of its own, and a page to try them.",
        discussion: "All of it listens on 127.0.0.1 alone, with a development certificate.")

    @Option(help: "The port of the page and the routes; 0 lets the system choose.")
    var port = 8443

    func validate() throws {
        guard (0...65535).contains(port) else { throw ValidationError("--port \(port) is outside 0...65535") }
    }

    func run() async throws {
        let demo = Demo()
        let document = try await demo.start(port: port)
        try await Service.run(document, pages: DemoPage(version: Version.text).pages) { bridge in
            guard let place = bridge.listening.first else { return }
            Process.printLine(
                """

                rtbridge \(Version.text) demo
                  open   \(place.url)/
                  The certificate is a development one, made just now: let the browser go on past its warning.
                  stop   Ctrl-C
                """)
        }
        await demo.stop()
    }
}
