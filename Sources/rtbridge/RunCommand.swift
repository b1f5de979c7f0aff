// rtbridge: `rtbridge --config F`.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import BridgeConfig
import BridgeServer
import BridgeTelemetry
import Logging
import NIOOpenSSL

struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Run the bridge (what happens without a subcommand).")

    @OptionGroup var options: ConfigOptions

    func run() async throws {
        Process.keepFreedPieces()
        TLSBuffers.keepRecords()
        let config = try options.load()
        for warning in (try? CertificateCheck.warnings(config.document)) ?? [] { Process.printError(warning) }
        try await Service.run(config.document)
    }
}

/// `--config F`, the same everywhere.
struct ConfigOptions: ParsableArguments {
    @Option(name: .shortAndLong, help: "The routes.json that says what is bridged to what.")
    var config: String

    func load() throws -> LoadedConfig { try Self.load(config) }

    /// Reads the file, prints its warnings, or all that is wrong with it and ends with status 2.
    static func load(_ path: String) throws -> LoadedConfig {
        do throws(ConfigProblems) {
            let loaded = try ConfigLoader.load(path: path, environment: Process.environment)
            for warning in loaded.warnings { Process.printError("\(warning)") }
            return loaded
        } catch {
            Process.printError("\(error)")
            throw Status.configuration
        }
    }
}

/// A bridge that runs until it is told to stop.
enum Service {
    /// Starts the bridge, says on standard output where it listens, and drains at SIGTERM or SIGINT.
    static func run(
        _ document: Document, pages: LocalPages = LocalPages(), started: (Bridge) -> Void = { _ in }
    ) async throws {
        Process.raiseFileLimit()
        Process.keepFreedMemory()
        let format: LineFormat = document.logging.format == .json ? .json : .text
        let level = Logger.Level(rawValue: document.logging.level.rawValue) ?? .info
        let logger = Logger(label: "rtbridge") { _ in LineLogHandler(level: level, format: format) }
        let accessLog = document.logging.access ? AccessLog(format: format) : nil
        let signals = try Signals()
        let bridge: Bridge
        do {
            bridge = try await Bridge.start(document, logger: logger, accessLog: accessLog, pages: pages)
        } catch {
            Process.printError("\(error)")
            Process.printError("rtbridge: nothing was started.")
            throw Status.configuration
        }
        for place in bridge.listening {
            Process.printLine("listening \(place.name) \(place.url)")
            logger.notice(
                "listening", metadata: ["listener.name": "\(place.name)", "listener.address": "\(place.url)"])
        }
        Process.printLine("ready")
        started(bridge)
        let signal = await signals.first()
        logger.notice("stopping: draining", metadata: ["reason": "\(signal)", "delay": "\(document.shutdown.drain)"])
        await bridge.shutdown()
        logger.notice("stopped")
    }
}
