// rtbridge: llhttp as a Swift value: bytes in, parts of messages out.
// SPDX-License-Identifier: Apache-2.0

internal import CNIOLLHTTP
import Glibc
import NIOCore

/// Reads one side of an HTTP/1.1 connection (RFC 9112), strictly. What is a message and where it ends is llhttp's to say;
/// its fields go straight into a block.
///
/// It stops behind each message: what comes after it is looked at with the next call.
public final class HTTP1Parser {
    public enum Kind {
        /// `isTLS` makes the `:scheme`.
        case requests(isTLS: Bool)
        case responses
    }

    /// Fields in a message, trailers among them.
    static let maximumFields = 256
    /// Enough for the request of a browser.
    private static let usualBytes = 512

    let kind: Kind
    private let maximumBytes: Int
    private let machine: UnsafeMutablePointer<llhttp_t>
    /// Of responses: the next one is to a HEAD, and has no body whatever its fields say (RFC 9112 §6.3).
    public var isAnswerToHead = false
    /// A message has begun, and has not ended.
    public private(set) var isInMessage = false

    // Of the message that is being read.
    private enum Place { case none, target, name, value }
    private var place = Place.none
    private var block = FieldBlock()
    private var field = 0
    private var isHeadOver = false
    private var byteCount = 0
    private var fieldCount = 0

    // Of this call.
    private var base: UnsafeRawPointer?
    private var first: Range<Int>?
    private var more: [Range<Int>] = []
    private var parsed = HTTP1Parsed()

    /// - Parameter maximumBytes: of names, values and target of a message together.
    public init(_ kind: Kind, maximumBytes: Int) {
        self.kind = kind
        self.maximumBytes = maximumBytes
        machine = .allocate(capacity: 1)
        let type =
            switch kind {
            case .requests: HTTP_REQUEST
            case .responses: HTTP_RESPONSE
            }
        c_nio_llhttp_init(machine, type, HTTP1Callbacks.shared.settings)
        machine.pointee.data = Unmanaged.passUnretained(self).toOpaque()
    }

    deinit { machine.deallocate() }

    /// Takes bytes off `bytes`, up to the end of a message, or all of them.
    public func parse(_ bytes: inout ByteBuffer) -> HTTP1Parsed {
        let count = bytes.withUnsafeReadableBytes { all -> Int in
            guard let start = all.baseAddress else { return 0 }
            base = start
            defer { base = nil }
            let result = c_nio_llhttp_execute(machine, start.assumingMemoryBound(to: CChar.self), all.count)
            guard result == HPE_PAUSED else {
                note(result)
                return all.count
            }
            let end = c_nio_llhttp_get_error_pos(machine)
            c_nio_llhttp_resume(machine)
            return end.map { UnsafeRawPointer($0) - start } ?? all.count
        }
        if let first {
            parsed.body = bytes.getSlice(at: bytes.readerIndex + first.lowerBound, length: first.count)
            for range in more {
                guard let piece = bytes.getSlice(at: bytes.readerIndex + range.lowerBound, length: range.count) else {
                    continue
                }
                parsed.moreBody.append(piece)
            }
            self.first = nil
            more.removeAll()
        }
        bytes.moveReaderIndex(forwardBy: count)
        return takeParsed()
    }

    /// Nothing more will come: a response may end by that (RFC 9112 §6.3).
    public func finish() -> HTTP1Parsed {
        if isInMessage {
            let result = c_nio_llhttp_finish(machine)
            if result != HPE_PAUSED { note(result) }
        }
        return takeParsed()
    }

    private func takeParsed() -> HTTP1Parsed {
        var taken = HTTP1Parsed()
        swap(&taken, &parsed)
        return taken
    }

    /// What llhttp says itself, unless a call back has said why before.
    private func note(_ result: llhttp_errno_t) {
        switch result {
        case HPE_OK: break
        // An upgrade that ended its message before: nobody asks for what is behind it.
        case HPE_PAUSED_UPGRADE: break
        case HPE_INVALID_EOF_STATE: parsed.violation = parsed.violation ?? .endedEarly
        case _:
            let reason = c_nio_llhttp_get_error_reason(machine).map { String(cString: $0) } ?? ""
            parsed.violation = parsed.violation ?? HTTP1Violation(reason)
        }
    }
}

// MARK: - What llhttp calls

extension HTTP1Parser {
    /// The values that a call back may return.
    static let goOn: CInt = 0
    static let skipBody: CInt = 1
    static let stop: CInt = -1
    static let pause = CInt(HPE_PAUSED.rawValue)

    func messageBegan() -> CInt {
        isInMessage = true
        place = .none
        block = FieldBlock()
        isHeadOver = false
        byteCount = 0
        fieldCount = 0
        return Self.goOn
    }

    func target(_ bytes: UnsafeRawBufferPointer) -> CInt {
        if place != .target {
            place = .target
            beginBlock()
            field = block.open(":path")
        }
        block.extendValue(at: field, bytes)
        return count(bytes)
    }

    func name(_ bytes: UnsafeRawBufferPointer) -> CInt {
        if place != .name {
            fieldCount += 1
            guard fieldCount <= Self.maximumFields else { return refuse(.headTooLarge) }
            if block.isEmpty, !isHeadOver { beginBlock() }
            place = .name
            field = block.open(bytes)
        } else {
            block.extendName(at: field, bytes)
        }
        return count(bytes)
    }

    func value(_ bytes: UnsafeRawBufferPointer) -> CInt {
        if place == .name {
            place = .value
            guard block.closeName(at: field) > 0 else { return refuse(.noName) }
        }
        block.extendValue(at: field, bytes)
        return count(bytes)
    }

    /// The fields that stand in the first line.
    private func beginBlock() {
        switch kind {
        case .requests(let isTLS):
            block.reserveCapacity(fields: 16, bytes: Self.usualBytes)
            let method = c_nio_llhttp_method_name(llhttp_method_t(UInt32(machine.pointee.method)))
            block.append(":method", UnsafeRawBufferPointer(start: method, count: method.map { strlen($0) } ?? 0))
            block.append(":scheme", isTLS ? "https" : "http")
        case .responses:
            var status = machine.pointee.status_code
            var digits: (UInt8, UInt8, UInt8) = (0, 0, 0)
            digits.2 = UInt8(ascii: "0") + UInt8(status % 10)
            status /= 10
            digits.1 = UInt8(ascii: "0") + UInt8(status % 10)
            digits.0 = UInt8(ascii: "0") + UInt8(status / 10 % 10)
            withUnsafeBytes(of: digits) { block.append(":status", $0) }
        }
    }

    func headEnded() -> CInt {
        let machine = machine.pointee
        guard machine.http_major == 1 else { return refuse(.version) }
        let head = HTTP1Head()
        head.isHTTP10 = machine.http_minor == 0
        head.isKeepAlive = c_nio_llhttp_should_keep_alive(self.machine) != 0
        head.isUpgrade = machine.upgrade != 0
        head.hasBody = UInt32(machine.flags) & F_CHUNKED.rawValue != 0 || machine.content_length > 0
        if block.isEmpty { beginBlock() }
        isHeadOver = true
        place = .none
        var result = Self.goOn
        switch kind {
        case .requests: head.problem = HTTP1Framing.complete(&block, isHTTP10: head.isHTTP10)
        case .responses:
            head.status = Int(machine.status_code)
            // RFC 9112 §6.3: "any response with a 1xx (Informational), 204 (No Content), or 304 (Not Modified) status
            // code is always terminated by the first empty line", and so is one to a HEAD.
            let isBodiless = head.status < 200 || head.status == 204 || head.status == 304
            if isBodiless || isAnswerToHead { result = Self.skipBody }
        }
        head.fields = block
        block = FieldBlock()
        parsed.head = head
        return result
    }

    func body(_ bytes: UnsafeRawBufferPointer) -> CInt {
        guard let base, let start = bytes.baseAddress else { return Self.goOn }
        let offset = start - base
        if first == nil { first = offset..<offset + bytes.count } else { more.append(offset..<offset + bytes.count) }
        return Self.goOn
    }

    func messageEnded() -> CInt {
        isInMessage = false
        parsed.isEnd = true
        if !block.isEmpty { parsed.trailers = block }
        block = FieldBlock()
        // nodejs/llhttp issue 202: the length of this message would be the next one's.
        machine.pointee.content_length = 0
        return Self.pause
    }

    private func count(_ bytes: UnsafeRawBufferPointer) -> CInt {
        byteCount += bytes.count
        return byteCount <= maximumBytes ? Self.goOn : refuse(.headTooLarge)
    }

    private func refuse(_ violation: HTTP1Violation) -> CInt {
        parsed.violation = violation
        return Self.stop
    }
}

@available(*, unavailable)
extension HTTP1Parser: Sendable {}
