// rtbridge: `rtbridge healthcheck`, for containers.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import BridgeConfig
import BridgeServer

struct HealthcheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "healthcheck",
        abstract: "Ask a running bridge whether it is ready: exit status 0 if it is, 1 if not.",
        discussion: "With --config the admin listener of that file is asked; --address goes before it.")

    @Option(name: .shortAndLong, help: "The routes.json of the bridge that runs.")
    var config: String?

    @Option(help: "host:port, or unix:/path, of the listener to ask.")
    var address: String?

    @Option(help: "The path to ask for (default: the file's health.paths.ready, or /readyz).")
    var path: String?

    @Option(help: "Seconds to wait for the answer.")
    var timeout: Double = 3

    func run() async throws {
        let (address, path) = try target()
        do {
            let answer = try await HealthProbe.get(
                address, path: path, timeout: .milliseconds(Int(max(0.001, min(timeout, 3600)) * 1000)))
            Process.printLine(answer.body.split(separator: "\n").joined(separator: "; "))
            guard answer.status == 200 else { throw Status.unhealthy }
        } catch let error as HealthProbeError {
            Process.printError("healthcheck: \(error)")
            throw Status.unhealthy
        }
    }

    private func target() throws -> (address: Address, path: String) {
        let document = try config.map { try ConfigOptions.load($0).document }
        let path = path ?? document?.health.readyPath ?? "/readyz"
        if let address { return (try parse(address), path) }
        guard let document else {
            throw ValidationError("Give --address host:port, or --config with a file that has an admin listener.")
        }
        guard let admin = document.admin else {
            throw ValidationError(
                "This configuration has no admin listener: add \"admin\": { \"address\": \"127.0.0.1:9901\" }.")
        }
        switch admin.address {
        case .host(let host, let port):
            // A listener on every address is asked on loopback.
            let reachable = ["0.0.0.0": "127.0.0.1", "::": "::1"][host] ?? host
            return (.host(reachable, port: port), path)
        case .unix: return (admin.address, path)
        }
    }

    private func parse(_ text: String) throws -> Address {
        if text.hasPrefix("unix:/") { return .unix(String(text.dropFirst("unix:".count))) }
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]), port > 0,
            port < 65536
        else { throw ValidationError("--address \(text) is not host:port or unix:/path") }
        let host = text[..<colon].filter { $0 != "[" && $0 != "]" }
        return .host(host.isEmpty ? "127.0.0.1" : host, port: port)
    }
}
