// rtbridge: `rtbridge check --config F`.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Read a routes.json, report all that is wrong with it, and start nothing.")

    @OptionGroup var options: ConfigOptions

    func run() throws {
        let document = try options.load().document
        let (listeners, routes) = (document.listeners.count, document.routes.count)
        Process.printLine("\(options.config): ok (listeners: \(listeners), routes: \(routes))")
    }
}
