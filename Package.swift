// swift-tools-version: 6.1
// rtbridge: the package: arrows between targets go down only.
// SPDX-License-Identifier: Apache-2.0
import PackageDescription

let nio = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let posix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let embedded = Target.Dependency.product(name: "NIOEmbedded", package: "swift-nio")
let http1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let deque = Target.Dependency.product(name: "DequeModule", package: "swift-collections")

let package = Package(
    name: "rtbridge",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "rtbridge", targets: ["rtbridge"]),
        .library(name: "NIOOpenSSL", targets: ["NIOOpenSSL"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.11.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.1.0"),
    ],
    targets: [
        // What the system brings.
        .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CMalloc"),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),

        // Codecs and values: no I/O.
        .target(name: "NIOOpenSSL", dependencies: ["COpenSSL", "BridgeSockets", nio]),
        // llhttp, swift-nio's copy of it, is no product; it comes with NIOHTTP1.
        .target(name: "BridgeWire", dependencies: ["COpenSSL", "CZlib", nio, http1]),
        .target(name: "BridgeSockets", dependencies: [nio]),
        .target(name: "HTTP2Session", dependencies: ["BridgeWire", "BridgeSockets", nio]),
        .target(name: "BridgePolicy"),
        .target(
            name: "BridgeConfig", dependencies: ["BridgePolicy"], resources: [.embedInCode("Schema/routes.schema.json")]
        ),
        .target(name: "BridgeTelemetry", dependencies: ["BridgePolicy", logging]),

        // The bridge.
        .target(
            name: "BridgeCore",
            dependencies: ["BridgeConfig", "BridgePolicy", "BridgeTelemetry", "BridgeWire", nio, posix, logging]),
        .target(
            name: "BridgeFronts",
            dependencies: ["BridgeCore", "BridgeWire", "HTTP2Session", nio, deque]),
        .target(
            name: "BridgeBacks",
            dependencies: [
                "BridgeCore", "BridgePolicy", "BridgeWire", "BridgeSockets", "HTTP2Session", "NIOOpenSSL", nio, posix,
                deque,
            ]),
        .target(
            name: "BridgeServer",
            dependencies: [
                "BridgeFronts", "BridgeBacks", "BridgeConfig", "BridgePolicy", "BridgeSockets", "HTTP2Session",
                "NIOOpenSSL", nio, posix, http1, logging,
            ]),
        .target(
            name: "BridgeDemo",
            dependencies: ["BridgeServer", "BridgeConfig", "HTTP2Session", "BridgeWire", nio, posix],
            resources: [.embedInCode("Page"), .embedInCode("Routes/demo.json")]),
        .executableTarget(
            name: "rtbridge",
            dependencies: [
                "BridgeServer", "BridgeDemo", "BridgeConfig", "BridgeTelemetry", "NIOOpenSSL", "CMalloc", nio, posix,
                logging, arguments,
            ]),

        // What Tests/Instructions/gate.py counts. No product: nobody gets it but who asks for it by name.
        .executableTarget(
            name: "rtbridge-instructions",
            dependencies: [
                "BridgeServer", "BridgeBacks", "BridgeCore", "BridgeConfig", "BridgeWire", "HTTP2Session",
                "NIOOpenSSL", nio, embedded,
            ],
            path: "Tests/Instructions/Scenarios"),

        // Tests: a target for each that has logic of its own. libnghttp2 is what the HTTP/2 of HTTP2Session is held against.
        .systemLibrary(
            name: "CNghttp2", path: "Tests/CNghttp2", pkgConfig: "libnghttp2", providers: [.apt(["libnghttp2-dev"])]),
        .testTarget(name: "NIOOpenSSLTests", dependencies: ["NIOOpenSSL", "BridgeSockets", nio, posix, embedded]),
        .testTarget(name: "BridgeWireTests", dependencies: ["BridgeWire", nio]),
        .testTarget(name: "HTTP2SessionTests", dependencies: ["HTTP2Session", "CNghttp2", "BridgeWire", nio]),
        .testTarget(name: "BridgePolicyTests", dependencies: ["BridgePolicy"]),
        .testTarget(name: "BridgeConfigTests", dependencies: ["BridgeConfig", "BridgePolicy"]),
        .testTarget(
            name: "BridgeCoreTests",
            dependencies: [
                "BridgeCore", "BridgeConfig", "BridgePolicy", "BridgeTelemetry", "BridgeWire", nio, embedded, logging,
            ]),
        .testTarget(
            name: "BridgeServerTests",
            dependencies: [
                "BridgeServer", "BridgeDemo", "BridgeFronts", "BridgeCore", "BridgeConfig", "BridgePolicy",
                "BridgeWire",
                "HTTP2Session",
                nio, posix, embedded, logging,
            ]),
    ],
    swiftLanguageModes: [.v6]
)
