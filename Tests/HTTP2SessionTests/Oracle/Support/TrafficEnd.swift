// rtbridge: one end of a connection full of traffic.
// SPDX-License-Identifier: Apache-2.0

/// What both the session under test and libnghttp2 can do.
protocol TrafficEnd: AnyObject {
    /// - Returns: the stream, or nil if none can be opened any more.
    func open(_ body: ArraySlice<UInt8>) -> UInt32?
    func respond(_ stream: UInt32, _ body: ArraySlice<UInt8>)
    func finish(_ stream: UInt32, trailers: Bool)
    func reset(_ stream: UInt32)
    func goaway()
    func receive(_ bytes: [UInt8]) throws
    /// - Parameter limit: about how much; not all ends keep to it.
    func produce(_ limit: Int) throws -> [UInt8]
    /// What was heard since the last time.
    func takeLines() -> [Transcript.Line]
    /// Opens the windows of all streams but those of `kept`.
    func consume(but kept: (UInt32) -> Bool)
}

enum TrafficFields {
    static let request = [(":method", "POST"), (":scheme", "http"), (":path", "/call"), (":authority", "test")]
    static let trailers = [("grpc-status", "0"), ("x-end", "yes")]
}
