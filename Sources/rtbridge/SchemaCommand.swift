// rtbridge: `rtbridge schema`.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import BridgeConfig

struct SchemaCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "schema", abstract: "Print the JSON Schema of routes.json, for editors.")

    func run() { Process.printLine(ConfigSchema.text) }
}
