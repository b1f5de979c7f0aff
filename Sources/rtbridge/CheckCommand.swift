// rtbridge: `rtbridge check --config F`.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import BridgeServer

struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Read a routes.json, report all that is wrong with it, and start nothing.")

    @OptionGroup var options: ConfigOptions

    func run() throws {
        let document = try options.load().document
        do {
            for warning in try CertificateCheck.warnings(document) { Process.printError(warning) }
        } catch let error as BridgeStartError {
            Process.printError("\(error)")
            throw Status.configuration
        }
        let (listeners, routes) = (document.listeners.count, document.routes.count)
        Process.printLine("\(options.config): ok (listeners: \(listeners), routes: \(routes))")
    }
}
