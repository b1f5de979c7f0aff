// rtbridge: `rtbridge check --config F`.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import BridgeConfig
import BridgeServer
import BridgeTelemetry
import Logging

struct CheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Read a routes.json, report all that is wrong with it, and start nothing.",
        discussion: "Exit status 2 if something is wrong with the file, 1 if --probe did not reach an endpoint.")

    @OptionGroup var options: ConfigOptions

    @Flag(help: "Dial every endpoint of every back-end as well, and say which ones are reached.")
    var probe = false

    func run() async throws {
        let document = try options.load().document
        do {
            for warning in try CertificateCheck.warnings(document) { Process.printError(warning) }
        } catch let error as BridgeStartError {
            Process.printError("\(error)")
            throw Status.configuration
        }
        let (listeners, routes) = (document.listeners.count, document.routes.count)
        Process.printLine("\(options.config): ok (listeners: \(listeners), routes: \(routes))")
        if probe { try await probeBackends(document) }
    }

    private func probeBackends(_ document: Document) async throws {
        let logger = Logger(label: "rtbridge") { _ in LineLogHandler(level: .error, format: .text) }
        var isAnyMissing = false
        for finding in try await BackendCheck.run(document, logger: logger) {
            if finding.failure == nil {
                Process.printLine(finding.description)
            } else {
                Process.printError(finding.description)
                isAnyMissing = true
            }
        }
        if isAnyMissing { throw Status.unhealthy }
    }
}
