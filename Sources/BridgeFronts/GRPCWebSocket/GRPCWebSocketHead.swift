// rtbridge: the head of a call that came over a WebSocket.
// SPDX-License-Identifier: Apache-2.0

import BridgeCore
import BridgeWire

/// Makes of a WebSocket's opening request and a call's header block what gRPC-Web would have sent as one head.
enum GRPCWebSocketHead {
    /// Names the method of a call that shares its WebSocket, with or without the first slash.
    private static let pathField: StaticString = "grpc-websockets-path"
    private static let blockOnly: FieldNames = ["grpc-websockets-path", "origin"]

    /// What the call's route is found by: everything that the client said.
    static func forRoute(
        _ opening: RequestHead, _ block: FieldBlock, _ kind: GRPCWebSocketSubprotocol
    ) throws(GRPCFrameError) -> RequestHead {
        try make(opening, block, kind) { _ in true }
    }

    /// What the call is made with.
    ///
    /// - Parameter names: fields of the opening request that are metadata as well, where the block has none of that name.
    static func make(
        _ opening: RequestHead, _ block: FieldBlock, _ kind: GRPCWebSocketSubprotocol, forwarding names: [String]
    ) throws(GRPCFrameError) -> RequestHead {
        try make(opening, block, kind) { name in names.contains { name.elementsEqual($0.utf8) } }
    }

    private static func make(
        _ opening: RequestHead, _ block: FieldBlock, _ kind: GRPCWebSocketSubprotocol,
        _ isForwarded: (UnsafeRawBufferPointer) -> Bool
    ) throws(GRPCFrameError) -> RequestHead {
        let path = kind == .single ? Array(opening.path) : try path(block)
        var fields = FieldBlock()
        fields.append(":method", "POST")
        fields.append(":scheme", opening.fields.first(":scheme") ?? [])
        fields.append(":path", path)
        fields.append(":authority", opening.fields.first(":authority") ?? [])
        HopByHop.copy(from: block, into: &fields, except: blockOnly)
        opening.fields.forEach { name, value in
            guard name.first != UInt8(ascii: ":"), isForwarded(name), !has(block, name) else { return }
            fields.append(lowercaseName: name, value: value)
        }
        return RequestHead(version: opening.version, fields: fields, connection: opening.connection)
    }

    private static func path(_ block: FieldBlock) throws(GRPCFrameError) -> [UInt8] {
        guard let value = block.first(pathField), !value.isEmpty else {
            throw GRPCFrameError(status: GRPCStatus(.internal, "the header block has no grpc-websockets-path"))
        }
        // What is not visible ASCII would break the back-end's connection, and every call on it (RFC 3986 §3.3).
        guard value.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw GRPCFrameError(status: GRPCStatus(.internal, "grpc-websockets-path has a space in it"))
        }
        return (value.first == UInt8(ascii: "/") ? [] : [UInt8(ascii: "/")]) + value
    }

    private static func has(_ block: FieldBlock, _ name: UnsafeRawBufferPointer) -> Bool {
        var isThere = false
        block.forEach { own, _ in if own.elementsEqual(name) { isThere = true } }
        return isThere
    }
}
