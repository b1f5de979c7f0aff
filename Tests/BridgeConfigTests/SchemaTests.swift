// rtbridge: the JSON Schema says what the readers do.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import BridgeConfig

struct SchemaTests {
    private static let file = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().appendingPathComponent("../../Routes/routes.schema.json")

    /// Has every object of the contract in it, so that its readers ask for all of their keys.
    private static let sample = #"""
        {"listeners": {"l": {"address": "x:0", "limits": {}, "proxyProtocol": {}, "tls": {"certificates": [{}]}}},
         "backends": {"b": {"timeouts": {}, "backoff": {}, "keepalive": {}, "healthCheck": {}, "outlierDetection": {},
                            "circuitBreaker": {}, "tls": {}}}, "admin": {}, "health": {"paths": {}},
         "routes": [{"match": {"headers": {}}, "grpcWeb": {}, "cors": {}, "timeouts": {}, "errors": {}, "websocket": {},
                     "tcp": {}, "udp": {}, "http": {}, "sse": {}, "retryPolicy": {}, "reconnect": {"backoff": {}},
                     "backend": {"timeouts": {}, "backoff": {}, "keepalive": {}, "healthCheck": {},
                                 "outlierDetection": {}, "circuitBreaker": {}, "tls": {}}}],
         "shutdown": {}, "logging": {}}
        """#

    private static func keysOfTheReaders() throws -> [String: KeyFacts] {
        let root = try #require(JSONParser.parse(Array(sample.utf8), file: "f").root)
        let reading = Reading(file: "f", expansion: Expansion(environment: [:], directory: "/"))
        _ = Kind<Document>.document.read(ValueReader(node: root, path: .root, reading: reading))
        return reading.keys
    }

    private static func schema() throws -> SchemaReader {
        let (root, problems) = JSONParser.parse(Array(try Data(contentsOf: file)), file: "schema")
        #expect(problems == [])
        return SchemaReader(root: try #require(root))
    }

    @Test func theSchemaAndTheReadersHaveTheSameKeys() throws {
        let keys = try Self.keysOfTheReaders()
        let properties = try Self.schema().properties()
        // What may only be left out or null is not worth a word to an editor.
        let shown = keys.filter { $0.value.presence != .later(.null) }
        #expect(Set(shown.keys).subtracting(properties.keys).sorted() == [])
        #expect(Set(properties.keys).subtracting(shown.keys).sorted() == [])
        // Neither walk may end early.
        #expect(keys.count > 100)
    }

    @Test func requiredOptionalAndDefaultedKeysAreSoInBoth() throws {
        let keys = try Self.keysOfTheReaders()
        for (shape, property) in try Self.schema().properties() {
            let facts = try #require(keys[shape])
            switch facts.presence {
            case .required:
                #expect(property.isRequired && property.defaultValue == nil && !property.isNullable, "\(shape)")
            case .optional:
                #expect(!property.isRequired && property.defaultValue == nil && property.isNullable, "\(shape)")
            case .defaulted(let value):
                #expect(!property.isRequired && !property.isNullable, "\(shape)")
                #expect(property.defaultValue == value, "\(shape)")
            case .later:
                #expect(property.description?.hasPrefix("Not supported yet: ") == true, "\(shape)")
            }
        }
    }

    @Test func wordsAndBoundsAreTheSameInBoth() throws {
        let keys = try Self.keysOfTheReaders()
        for (shape, property) in try Self.schema().properties() {
            let facts = try #require(keys[shape])
            if case .later = facts.presence { continue }
            #expect(property.words == facts.words, "\(shape)")
            if let bounds = facts.bounds {
                #expect(property.minimum == "\(bounds.lowerBound)", "\(shape)")
                #expect(property.maximum == "\(bounds.upperBound)", "\(shape)")
            }
        }
    }

    @Test func everyPropertyIsDescribedAndEveryObjectIsClosed() throws {
        let schema = try Self.schema()
        for (shape, property) in try schema.properties() {
            #expect(property.description?.hasSuffix(".") == true, "\(shape)")
        }
        #expect(schema.openObjects == [])
    }

    @Test func theProgramPrintsTheFile() throws {
        #expect(ConfigSchema.text == String(decoding: try Data(contentsOf: Self.file), as: UTF8.self))
    }
}
