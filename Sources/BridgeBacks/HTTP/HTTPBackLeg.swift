// rtbridge: the back-end's side of an HTTP request.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgeCore
import BridgeWire
import NIOCore

/// ```
/// waiting ──assigned──▶ asked ──answered──▶ answering ──ended──▶ over
///    ▲                    │ lost: may be sent again │ lost
///    └────────────────────┘                         └──────────────▶
/// ```
final class HTTPBackLeg: BackLeg {
    private enum Phase { case waiting, asked, answering, over }

    private let connector: HTTPConnector
    private(set) var exchange: Exchange?
    private var phase = Phase.waiting
    private var connection: HTTPBackConnection?
    private var repetition = HTTPRepetition(request: FieldBlock())
    private var hasEnded = false
    private var trailers: FieldBlock?
    private(set) var address: String?
    /// What the connector keeps about the request.
    var place = HTTPPlace()

    init(_ connector: HTTPConnector) { self.connector = connector }

    var isWritable: Bool { connection?.isWritable ?? false }
    var staysOpenAfterEnd: Bool { false }
    /// Whether the request may be sent once more, whatever became of it.
    var isRepeatable: Bool { repetition.isIdempotent }
    /// A connection is wanted.
    var isWaiting: Bool { phase == .waiting }

    // MARK: Commands of the exchange

    func open(_ exchange: Exchange) {
        self.exchange = exchange
        repetition = HTTPRepetition(request: exchange.request)
        connector.acquire(self, mayReuse: true)
    }

    func deliver(_ bytes: ByteBuffer, _ flags: BodyFlags) {
        guard phase != .over, !hasEnded else { return }
        repetition.append(bytes)
        connection?.write(bytes)
    }

    func finish(_ trailers: FieldBlock?) {
        guard phase != .over, !hasEnded else { return }
        hasEnded = true
        self.trailers = trailers
        connection?.finish(trailers)
    }

    /// There is nothing behind an answer: what is not answered is wanted by nobody.
    func detach() { cancel() }

    func cancel() {
        guard phase != .over else { return }
        becomeOver(.given)
        exchange = nil
        let connection = connection
        self.connection = nil
        connection?.abandon()
    }

    func taken() { connection?.taken() }

    // MARK: Events of the connector

    func assigned(_ connection: HTTPBackConnection) {
        guard let exchange else { return }
        self.connection = connection
        address = connection.endpoint.text
        phase = .asked
        let isOwnHost = exchange.route.config.http.host == .backend
        connection.begin(self, exchange.request, host: isOwnHost ? connection.endpoint.authority : nil)
        if !connection.isReused, !repetition.isSecond { repetition.stopKeeping() }
        guard repetition.isSecond else { return exchange.backReady() }
        connection.write(repetition.kept)
        repetition.stopKeeping()
        if hasEnded { connection.finish(trailers) } else { exchange.backWritable() }
    }

    func refused(_ failure: Failure) {
        address = failure.address ?? address
        end(.failed) { $0.backFailed(failure) }
    }

    // MARK: Events of the connection

    func writable() { exchange?.backWritable() }

    func informed(_ head: FieldBlock) {
        guard phase == .asked else { return }
        // RFC 9110 §15.2: a proxy passes interim responses on, unless it "requested the generation" itself; a 100 that
        // nobody waits for would say nothing.
        let isContinue = head.withFirst(":status") { FieldBytes.areEqual($0, "100") }
        guard isContinue != true || exchange?.request.contains("expect") == true else { return }
        exchange?.backInformed(head)
    }

    func answered(_ head: FieldBlock) {
        phase = .answering
        place.outcome = HTTPOutcome.of(head)
        exchange?.backOpened(head)
    }

    func received(_ bytes: ByteBuffer) { exchange?.backBody(bytes) }

    func ended(_ trailers: FieldBlock?) {
        connection = nil
        end(place.outcome) { $0.backEnded(trailers) }
    }

    func lost(_ failure: Failure, wasReused: Bool, wasSentWhole: Bool, hasAnswer: Bool) {
        connection = nil
        if !hasAnswer, repetition.lost(wasReused: wasReused, wasSentWhole: wasSentWhole) == .sendAgain {
            phase = .waiting
            return connector.acquire(self, mayReuse: false)
        }
        end(.failed) { $0.backFailed(failure) }
    }

    /// The answer cannot be passed on.
    func broken(_ failure: Failure) {
        connection = nil
        end(.failed) { $0.backFailed(failure) }
    }

    private func end(_ outcome: HTTPOutcome, _ tell: (Exchange) -> Void) {
        guard phase != .over else { return }
        becomeOver(outcome)
        guard let exchange else { return }
        self.exchange = nil
        tell(exchange)
    }

    private func becomeOver(_ outcome: HTTPOutcome) {
        phase = .over
        connector.ended(self, outcome)
    }
}

@available(*, unavailable)
extension HTTPBackLeg: Sendable {}
