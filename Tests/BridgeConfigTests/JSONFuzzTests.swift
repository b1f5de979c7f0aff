// rtbridge: random JSON, whole and broken.
// SPDX-License-Identifier: Apache-2.0

import BridgePolicy
import Testing

@testable import BridgeConfig

struct JSONFuzzTests {
    // MARK: - Printed and parsed back

    @Test func randomDocumentsArePrintedAndParsedBack() {
        for seed in 0..<3000 as Range<UInt64> {
            var random = SeededRandom(seed: seed)
            let tree = Tree.random(depth: 5, using: &random)
            let text = tree.printed(using: &random)
            let (root, problems) = JSONParser.parse(Array(text.utf8), file: "f")
            #expect(problems.isEmpty, "seed \(seed): \(text)")
            #expect(root.map(Tree.init) == tree, "seed \(seed): \(text)")
        }
    }

    // MARK: - Broken

    private static let sample = """
        {"listeners": {"a": {"address": "[::1]:0", "protocols": ["h2"], "tls": {"development": true}}},
         "backends": {"b": {"protocol": "grpc", "endpoints": ["x:1"], "backoff": {"jitter": 0.5, "max": "1m30s"}}},
         "health": {"onListeners": ["a"], "requireBackends": ["b"]},
         "routes": [{"name": "é\\u00e9\\ud83d\\ude00", "match": {"protocol": ["grpc", "grpc-web"], "host": "*.x"},
          "backend": "b", "cors": {"allowOrigins": ["https://x:1"]}, "maxMessageBytes": "64KiB"},
          {"match": {"path": "/%20"}, "backend": "udp://${HOST}:1", "udp": {"idle": "off"}, "// why": [null, -1.5e3]}]}
        """

    /// Bytes that matter to the grammar come up more often than others.
    private static let bytes =
        Array("{}[]\",:\\/'#$*.-+0e19untf \n\té".utf8) + [0x00, 0x1F, 0x7F, 0x80, 0xC3, 0xF0, 0xFF]

    private static func mutated(_ bytes: [UInt8], using random: inout SeededRandom) -> [UInt8] {
        var bytes = bytes
        for _ in 0..<Int.random(in: 1...4, using: &random) where !bytes.isEmpty {
            let place = bytes.indices.randomElement(using: &random) ?? 0
            let length = min(Int.random(in: 1...12, using: &random), bytes.count - place)
            let byte = Self.bytes.randomElement(using: &random) ?? 0
            switch Int.random(in: 0..<6, using: &random) {
            case 0: bytes[place] = byte
            case 1: bytes.insert(byte, at: place)
            case 2: bytes.removeSubrange(place..<(place + length))
            case 3: bytes.insert(contentsOf: bytes[place..<(place + length)], at: place)
            case 4: bytes.removeLast(bytes.count - place)
            default: bytes[place] = UInt8.random(in: 0...255, using: &random)
            }
        }
        return bytes
    }

    @Test func brokenTextsNeverTrapAndAlwaysHaveAReason() {
        let sample = Array(Self.sample.utf8)
        var refused = 0
        for seed in 0..<6000 as Range<UInt64> {
            var random = SeededRandom(seed: seed)
            let bytes = Self.mutated(sample, using: &random)
            let (root, problems) = JSONParser.parse(bytes, file: "f")
            #expect(root != nil || !problems.isEmpty, "seed \(seed)")
            let lines = bytes.count { $0 == 0x0A } + 1
            #expect(problems.allSatisfy { 1...lines ~= $0.line && 1...(bytes.count + 1) ~= $0.column }, "seed \(seed)")
            // Whatever the readers make of the rest must not trap either.
            do throws(ConfigProblems) {
                _ = try ConfigLoader.load(bytes, file: "f", directory: "/", environment: ["HOST": "h"])
            } catch {
                refused += 1
                #expect(!error.problems.isEmpty, "seed \(seed)")
            }
        }
        // The sample itself is right, and most mutations are not.
        #expect(complaints(Self.sample, environment: ["HOST": "h"]) == [])
        #expect(refused > 3000)
    }

    @Test func noiseNeverTraps() {
        for seed in 0..<5000 as Range<UInt64> {
            var random = SeededRandom(seed: seed)
            let bytes = (0..<Int.random(in: 0...40, using: &random)).map { _ in
                Self.bytes.randomElement(using: &random) ?? 0
            }
            let (root, problems) = JSONParser.parse(bytes, file: "f")
            #expect(root != nil || !problems.isEmpty, "seed \(seed)")
        }
    }
}

/// A JSON value without places.
private indirect enum Tree: Equatable {
    case null, invalid
    case bool(Bool)
    case number(String)
    case string(String)
    case array([Tree])
    case object([String], [Tree])

    init(_ node: JSONNode) {
        switch node.value {
        case .null: self = .null
        case .bool(let flag): self = .bool(flag)
        case .number(let text): self = .number(text)
        case .string(let text): self = .string(text)
        case .array(let nodes): self = .array(nodes.map { Tree($0) })
        case .object(let members): self = .object(members.map(\.key), members.map { Tree($0.node) })
        case .invalid: self = .invalid
        }
    }

    static func random(depth: Int, using random: inout SeededRandom) -> Tree {
        switch Int.random(in: 0..<(depth == 0 ? 4 : 6), using: &random) {
        case 0: return .null
        case 1: return .bool(.random(using: &random))
        case 2:
            let whole = Int.random(in: -1000...1000, using: &random)
            let tail = ["", ".5", "e3", ".25E-7"].randomElement(using: &random) ?? ""
            return .number("\(whole)\(tail)")
        case 3: return .string(text(using: &random))
        case 4:
            let count = Int.random(in: 0...4, using: &random)
            return .array((0..<count).map { _ in .random(depth: depth - 1, using: &random) })
        default:
            let count = Int.random(in: 0...4, using: &random)
            let keys = (0..<count).map { "\($0)" + text(using: &random) }
            return .object(keys, keys.map { _ in .random(depth: depth - 1, using: &random) })
        }
    }

    private static func text(using random: inout SeededRandom) -> String {
        var text = ""
        for _ in 0..<Int.random(in: 0...8, using: &random) {
            let ranges: [ClosedRange<UInt32>] = [0...0x7F, 0x80...0x7FF, 0x800...0xFFFF, 0x10000...0x10FFFF]
            let range = ranges.randomElement(using: &random) ?? 0...0
            if let scalar = Unicode.Scalar(UInt32.random(in: range, using: &random)) {
                text.unicodeScalars.append(scalar)
            }
        }
        return text
    }

    func printed(using random: inout SeededRandom) -> String {
        func blank() -> String { ["", " ", "\n", "\r\n\t"].randomElement(using: &random) ?? "" }
        switch self {
        case .null, .invalid: return "null"
        case .bool(let flag): return "\(flag)"
        case .number(let text): return text
        case .string(let text): return Self.printed(text, using: &random)
        case .array(let elements):
            let parts = elements.map { blank() + $0.printed(using: &random) + blank() }
            return "[" + (parts.isEmpty ? blank() : parts.joined(separator: ",")) + "]"
        case .object(let keys, let values):
            let parts = zip(keys, values).map { key, value in
                blank() + Self.printed(key, using: &random) + blank() + ":" + blank() + value.printed(using: &random)
                    + blank()
            }
            return "{" + (parts.isEmpty ? blank() : parts.joined(separator: ",")) + "}"
        }
    }

    private static func printed(_ text: String, using random: inout SeededRandom) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            if scalar.value < 0x20 || scalar == "\"" || scalar == "\\" || Int.random(in: 0..<4, using: &random) == 0 {
                for unit in String(scalar).utf16 {
                    let digits = String(unit, radix: 16, uppercase: .random(using: &random))
                    result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
                }
            } else {
                result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
