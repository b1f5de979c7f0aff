// rtbridge: asking a bridge whether it is ready, for containers and scripts.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import NIOCore
import NIOPosix

/// One `GET` over HTTP/1.1 in the clear, to a health endpoint.
public enum HealthProbe {
    /// What an answer may have at most; the rest is not read.
    private static let maximumAnswer = 64 * 1024

    /// - Parameter timeout: for all of it: connecting, asking, answering.
    /// - Returns: the status code and the body.
    /// - Throws: if there was no answer; the error says why.
    public static func get(
        _ address: Address, path: String, timeout: Duration
    ) async throws -> (status: Int, body: String) {
        let group = MultiThreadedEventLoopGroup.singleton
        let answer = group.next().makePromise(of: String.self)
        let timer = group.next().scheduleTask(in: TimeAmount(timeout)) {
            answer.fail(HealthProbeError(description: "no answer within \(timeout)"))
        }
        let channel: any Channel
        do {
            let bootstrap = ClientBootstrap(group: group)
                .connectTimeout(TimeAmount(timeout))
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(AnswerCollector(answer, limit: maximumAnswer))
                    }
                }
            switch address {
            case .host(let host, let port): channel = try await bootstrap.connect(host: host, port: port).get()
            case .unix(let file): channel = try await bootstrap.connect(unixDomainSocketPath: file).get()
            }
        } catch {
            timer.cancel()
            answer.fail(error)
            throw HealthProbeError(description: "\(address) cannot be reached: \(error)")
        }
        let request = "GET \(path) HTTP/1.1\r\nhost: \(address.authority)\r\nconnection: close\r\n\r\n"
        channel.writeAndFlush(ByteBuffer(string: request), promise: nil)
        defer {
            timer.cancel()
            channel.close(promise: nil)
        }
        return try parse(try await answer.futureResult.get())
    }

    static func parse(_ text: String) throws -> (status: Int, body: String) {
        let line = text.prefix { $0 != "\r\n" && $0 != "\n" }.split(separator: " ")
        guard line.count >= 2, line[0].hasPrefix("HTTP/1."), let status = Int(line[1]) else {
            throw HealthProbeError(description: "the answer is not HTTP/1.1")
        }
        let body = text.firstRange(of: "\r\n\r\n").map { String(text[$0.upperBound...]) } ?? ""
        return (status, body)
    }
}

/// Why there was no answer.
public struct HealthProbeError: Error, CustomStringConvertible {
    public let description: String
}

private final class AnswerCollector: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let answer: EventLoopPromise<String>
    private let limit: Int
    private var bytes = ByteBuffer()

    init(_ answer: EventLoopPromise<String>, limit: Int) {
        self.answer = answer
        self.limit = limit
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var piece = unwrapInboundIn(data)
        bytes.writeBuffer(&piece)
        if bytes.readableBytes >= limit { context.close(promise: nil) }
    }

    func channelInactive(context: ChannelHandlerContext) { answer.succeed(String(buffer: bytes)) }
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        answer.fail(error)
        context.close(promise: nil)
    }
}
