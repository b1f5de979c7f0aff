// rtbridge: the demo's back-ends and configuration.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import NIOCore
import NIOPosix

/// Everything that `rtbridge demo` puts behind the bridge: a gRPC greeter, a TCP chat and a UDP telemetry source, on
/// loopback ports of the system's choice, and the routes to them (`Routes/demo.json`, embedded).
public struct Demo: Sendable {
    private let greeter = DemoGreeter()
    private let chat = DemoTCPChat()
    private let telemetry = DemoUDPTelemetry()
    private let control = DemoControl()

    public init() {}

    /// Starts the back-ends.
    ///
    /// - Parameter port: where the demo's page and routes are to be; 0 lets the system choose.
    /// - Returns: the configuration that leads to them.
    public func start(port: Int) async throws -> Document {
        let group = MultiThreadedEventLoopGroup.singleton
        let chatAddress = try await chat.start(on: group)
        let telemetryAddress = try await telemetry.start(on: group)
        let switches = [
            DemoSwitch(
                name: "chat", stop: { [chat] in await chat.stop() },
                start: { [chat] in _ = try await chat.start(on: group, port: chatAddress.port ?? 0) }),
            DemoSwitch(
                name: "telemetry", stop: { [telemetry] in await telemetry.stop() },
                start: { [telemetry] in _ = try await telemetry.start(on: group, port: telemetryAddress.port ?? 0) }),
        ]
        let environment = [
            "RTBRIDGE_DEMO_PORT": String(port),
            "RTBRIDGE_DEMO_GREETER": Self.text(try await greeter.start(on: group)),
            "RTBRIDGE_DEMO_CHAT": Self.text(chatAddress),
            "RTBRIDGE_DEMO_TELEMETRY": Self.text(telemetryAddress),
            "RTBRIDGE_DEMO_CONTROL": Self.text(try await control.start(on: group, switches)),
        ]
        let text = String(decoding: PackageResources.demo_json, as: UTF8.self)
        return try ConfigLoader.load(text: text, file: "demo.json", directory: ".", environment: environment).document
    }

    public func stop() async {
        await control.stop()
        await greeter.stop()
        await chat.stop()
        await telemetry.stop()
    }

    private static func text(_ address: SocketAddress) -> String {
        "\(address.ipAddress ?? ""):\(address.port ?? 0)"
    }
}
