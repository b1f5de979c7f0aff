// rtbridge: log lines on standard error, as text or JSON.
// SPDX-License-Identifier: Apache-2.0

import Glibc
import Logging

/// How lines are written.
public enum LineFormat: Sendable { case text, json }

/// Writes one line an event to standard error: time, level, message, then metadata sorted by key.
public struct LineLogHandler: LogHandler {
    public var metadata: Logger.Metadata = [:]
    public var logLevel: Logger.Level
    private let format: LineFormat

    public init(level: Logger.Level, format: LineFormat) {
        logLevel = level
        self.format = format
    }

    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    public func log(event: LogEvent) {
        let all = event.metadata.map { metadata.merging($0) { $1 } } ?? metadata
        var line = LogLine(format: format)
        line.add("time", WallClock.timestamp())
        line.add("level", event.level.rawValue)
        line.add("message", event.message.description)
        for (key, value) in all.sorted(by: { $0.key < $1.key }) { line.add(key, value.description) }
        var bytes = line.finish()
        bytes.withUTF8 { LineWriter.writeAll($0) }
    }
}

/// The time of day as text.
public enum WallClock {
    /// RFC 3339 in UTC with milliseconds: `2026-01-31T12:00:00.000Z`.
    ///
    /// - Parameter ago: how long before now.
    public static func timestamp(ago: Duration = .zero) -> String {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        if ago != .zero {
            let then = Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec) - Int64(ago / .nanoseconds(1))
            now = timespec(tv_sec: Int(then / 1_000_000_000), tv_nsec: Int(then % 1_000_000_000))
        }
        var parts = tm()
        gmtime_r(&now.tv_sec, &parts)
        func pad(_ value: some BinaryInteger, _ width: Int) -> String {
            let digits = String(value)
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        let date = "\(parts.tm_year + 1900)-\(pad(parts.tm_mon + 1, 2))-\(pad(parts.tm_mday, 2))"
        let time = "\(pad(parts.tm_hour, 2)):\(pad(parts.tm_min, 2)):\(pad(parts.tm_sec, 2))"
        return "\(date)T\(time).\(pad(now.tv_nsec / 1_000_000, 3))Z"
    }
}

/// A line that is being put together.
struct LogLine {
    private let format: LineFormat
    private var text: String

    init(format: LineFormat) {
        self.format = format
        text = format == .json ? "{" : ""
    }

    /// In text, time, level and message stand bare; every other key is written `key=value`.
    mutating func add(_ key: String, _ value: String) {
        switch format {
        case .json:
            if text.utf8.count > 1 { text += "," }
            text += "\"\(key)\":"
            text += Self.quoted(value)
        case .text:
            if !text.isEmpty { text += " " }
            if key == "time" || key == "level" || key == "message" {
                text += Self.hasControls(value) ? Self.quoted(value) : value
            } else {
                let isPlain =
                    !value.isEmpty && !Self.hasControls(value) && !value.utf8.contains { $0 == 0x20 || $0 == 0x22 }
                text += "\(key)="
                text += isPlain ? value : Self.quoted(value)
            }
        }
    }

    mutating func add(_ key: String, _ value: Int) {
        switch format {
        case .json: text += ",\"\(key)\":\(value)"
        case .text: text += " \(key)=\(value)"
        }
    }

    func finish() -> String { text + (format == .json ? "}\n" : "\n") }

    private static func hasControls(_ value: String) -> Bool { value.utf8.contains { $0 < 0x20 || $0 == 0x7f } }

    private static func quoted(_ value: String) -> String { JSONText.quoted(value) }
}

public enum JSONText {
    /// RFC 8259 §7. A peer's bytes cannot break out of the line.
    public static func quoted(_ value: String) -> String {
        var quoted = "\""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case "\n": quoted += "\\n"
            case "\r": quoted += "\\r"
            case "\t": quoted += "\\t"
            case _ where scalar.value < 0x20 || scalar.value == 0x7f:
                let hex = String(scalar.value, radix: 16)
                quoted += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            case _: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}

enum LineWriter {
    /// Writes to standard error; what cannot be written (a closed pipe) is lost, and nothing else is.
    static func writeAll(_ bytes: UnsafeBufferPointer<UInt8>) {
        var rest = UnsafeRawBufferPointer(bytes)
        while rest.count > 0 {
            let count = write(STDERR_FILENO, rest.baseAddress, rest.count)
            guard count > 0 else {
                if count < 0, errno == EINTR { continue }
                return
            }
            rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        }
    }
}
