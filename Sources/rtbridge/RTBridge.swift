// rtbridge: the command line.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

@main
struct RTBridge: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rtbridge",
        abstract: "Bridges gRPC-Web and WebSocket to gRPC, TCP and UDP, with TLS by OpenSSL.",
        discussion: "rtbridge --config routes.json runs the bridge; every other use is a subcommand.",
        version: Version.text,
        subcommands: [
            RunCommand.self, CheckCommand.self, HealthcheckCommand.self, DemoCommand.self, SchemaCommand.self,
        ],
        defaultSubcommand: RunCommand.self)
}

enum Version {
    static let text = "0.1.0"
}

/// Exit statuses that scripts may depend on.
enum Status {
    /// The configuration is wrong, or the bridge could not start: nothing was started.
    static let configuration = ExitCode(2)
    /// A probe got no answer, or one that says no.
    static let unhealthy = ExitCode(1)
}
