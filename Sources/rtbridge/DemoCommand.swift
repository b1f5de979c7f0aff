// rtbridge: `rtbridge demo`.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

struct DemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo", abstract: "Run the demo routes with back-ends of their own, and a page to try them.")

    func run() async throws {}
}
