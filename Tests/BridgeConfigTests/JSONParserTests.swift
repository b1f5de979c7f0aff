// rtbridge: strict JSON, and what is said of what is not.
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import BridgeConfig

struct JSONParserTests {
    private static func parse(_ text: String) -> (value: JSONValue?, problems: [String]) {
        let (root, problems) = JSONParser.parse(Array(text.utf8), file: "f")
        return (root?.value, problems.map(\.description))
    }

    @Test(arguments: [
        ("null", JSONValue.null), (" \t\r\n true ", .bool(true)), ("false", .bool(false)),
        (#""a b""#, .string("a b")), (#""""#, .string("")),
        (#""\"\\\/\b\f\n\r\t\u00e9""#, .string("\"\\/\u{8}\u{c}\n\r\té")),
        (#""\uD83D\uDE00é😀\u0000""#, .string("😀é😀\0")),
        ("[]", .array([])), ("{}", .object([])), ("{ }", .object([])),
    ])
    func valuesAreRead(_ text: String, _ expected: JSONValue) {
        let (value, problems) = Self.parse(text)
        #expect(value == expected)
        #expect(problems == [])
    }

    /// RFC 8259 §6.
    @Test(arguments: ["0", "-0", "1", "-12", "0.5", "10.25", "1e3", "1E+3", "1.5e-10"])
    func numbersAreKeptAsWritten(_ text: String) {
        #expect(Self.parse(text).value == .number(text))
    }

    @Test(arguments: ["01", "-", "+1", ".5", "1.", "1e", "1e+", "0x10", "1_000", "--1", "NaN", "-Infinity", "1.2.3"])
    func whatOnlyLooksLikeANumberIsRefused(_ text: String) {
        let (value, problems) = Self.parse(text)
        #expect(value == .invalid)
        #expect(problems.count == 1)
        #expect(problems[0].hasPrefix("f:1:1: \"\(text)\" is not JSON\n  "))
    }

    @Test func everythingKnowsItsPlace() throws {
        let (root, _) = JSONParser.parse(Array("{\r\n  \"é😀\" : [1,\n\t{\"b\":true}]}".utf8), file: "f")
        let path = JSONPath.root.name("é😀")
        let list = try #require(root?.find(path))
        #expect(list.keyPosition == JSONPosition(line: 2, column: 3))
        // Columns count characters, not bytes.
        #expect(list.node.position == JSONPosition(line: 2, column: 10))
        #expect(root?.find(path.index(0))?.node.position == JSONPosition(line: 2, column: 11))
        let inner = try #require(root?.find(path.index(1).key("b")))
        #expect(inner.keyPosition == JSONPosition(line: 3, column: 3))
        #expect(inner.node.position == JSONPosition(line: 3, column: 7))
    }

    /// The text goes on behind these: the values around them are read.
    static let slips: [Case] = [
        Case(#"{"a": 1,}"#, "f:1:8: a comma before the closing }\n  Remove the comma."),
        Case(#"{"a": [1, 2,]}"#, "f:1:12: a: a comma before the closing ]\n  Remove the comma."),
        Case(
            "{\"a\": 1\n \"b\": 2}",
            "f:2:2: a comma is missing before this\n  Write a comma after the entry before."),
        Case(
            #"{"a": [[] []]}"#, "f:1:11: a: a comma is missing before this\n  Write a comma after the entry before."),
        Case(
            "{ // why\n \"a\": /* x */ 1 # y\n}",
            """
            f:1:3: JSON has no comments
              Write a key that begins with "//", for example "// why": "…".
            f:2:7: a: JSON has no comments
              Write a key that begins with "//", for example "// why": "…".
            f:2:17: JSON has no comments
              Write a key that begins with "//", for example "// why": "…".
            """),
        Case(
            #"{"a": {"b": 1, "c": 2, "b": 3}}"#,
            "f:1:24: a.b: the key is written twice\n  It stands at 1:8 already; remove one of the two."),
        Case("\u{FEFF}{}", "f:1:1: the file begins with a byte order mark\n  Save it as UTF-8 without a BOM."),
        Case(
            #"{"a": "x\y"}"#,
            #"""
            f:1:9: a: a backslash that begins no escape (\" \\ \/ \b \f \n \r \t \uXXXX)
              Write \\ for a backslash.
            """#),
        Case(
            #"{"a": "x\u12G4"}"#,
            #"""
            f:1:9: a: \u is not followed by four hexadecimal digits
              Write for example \u00e9.
            """#),
        Case(
            #"["\ud800", "\ude00\ud800"]"#,
            """
            f:1:3: [0]: half of a surrogate pair stands alone
              Write both halves, or the character itself.
            f:1:13: [1]: half of a surrogate pair stands alone
              Write both halves, or the character itself.
            f:1:19: [1]: half of a surrogate pair stands alone
              Write both halves, or the character itself.
            """),
        Case("{\"a\": \"x\ty\"}", "f:1:9: a: a control character (0x9) in a string\n  Write \\t for a tab."),
        Case("{\"a\": \"x\u{1}\"}", "f:1:9: a: a control character (0x1) in a string\n  Write it as \\u00XX."),
        Case(#"{"a": yes}"#, "f:1:7: a: \"yes\" is not JSON\n  Write strings in double quotes."),
        Case(#"{"a": True}"#, "f:1:7: a: \"True\" is not JSON\n  Write true."),
        Case(#"{"a": None}"#, "f:1:7: a: \"None\" is not JSON\n  Write null."),
        Case(#"{"a": 10s}"#, "f:1:7: a: \"10s\" is not JSON\n  Write strings in double quotes."),
        Case(#"{"a": .5}"#, "f:1:7: a: \".5\" is not JSON\n  JSON numbers look like 0, -1, 0.5 or 1e3."),
    ]

    @Test(arguments: slips)
    func slipsAreReportedAndSteppedOver(_ slip: Case) {
        let (value, problems) = Self.parse(slip.text)
        #expect(problems.joined(separator: "\n") == slip.problems)
        #expect(value != nil)
    }

    /// Behind these nothing can be told for sure.
    static let stops: [Case] = [
        Case("", "f:1:1: the file is empty\n  Write at least {}."),
        Case(" \n ", "f:2:2: the file is empty\n  Write at least {}."),
        Case(
            "{}\n{}",
            "f:2:1: the document has ended, but something follows\n  Remove what follows, or an earlier bracket."),
        Case(#"{"a" 1}"#, #"f:1:6: a: expected a colon after the key "a", found "1""#),
        Case(#"{"a": }"#, #"f:1:7: a: expected a value, found "}""#),
        Case(#"{"a": 1, , "b": 2}"#, "f:1:10: two commas in a row\n  Remove the comma."),
        Case(#"[,1]"#, "f:1:2: a comma before the first entry\n  Remove the comma."),
        Case(#"{a: 1}"#, "f:1:2: a key without quotes\n  Write keys in double quotes."),
        Case(#"{'a': 1}"#, "f:1:2: a single quote begins no key\n  Write keys in double quotes."),
        Case(#"{"a": 'b'}"#, "f:1:7: a: a single quote begins no value\n  Write strings in double quotes."),
        Case(#"{"a": [1}"#, "f:1:9: a: } closes what [ opened at 1:7\n  Write ], or close the inner one first."),
        Case(#"[{"a": 1]"#, "f:1:9: [0]: ] closes what { opened at 1:2\n  Write }, or close the inner one first."),
        Case("{\"a\": [1\n", "f:2:1: a: the file ends before [ is closed\n  It was opened at 1:7."),
        Case(#"{"a":"#, "f:1:6: a: the file ends where a value is expected"),
        Case(
            "{\"a\": \"x\n\"}",
            "f:1:7: a: the string is not closed on its line\n  Write a closing \", or \\n for a line break."),
        Case(
            #"{"a": "x"#,
            "f:1:7: a: the string is not closed on its line\n  Write a closing \", or \\n for a line break."),
        Case(#"{"a": 1 = 2}"#, #"f:1:9: expected a comma or }, found "=""#),
        Case(#"[1 2]"#, #"f:1:4: expected a comma or ], found "2""#),
        Case(#"{"é": 1 "#, "f:1:9: the file ends before { is closed\n  It was opened at 1:1."),
        Case(#"{"a": ("#, #"f:1:7: a: expected a value, found "(""#),
        Case(
            "{\n/* x",
            """
            f:2:1: JSON has no comments
              Write a key that begins with "//", for example "// why": "…".
            f:2:5: the file ends inside a comment
              It was opened at 2:1.
            """),
    ]

    @Test(arguments: stops)
    func whatCannotBeFollowedEndsTheParse(_ stop: Case) {
        let (value, problems) = Self.parse(stop.text)
        #expect(problems.joined(separator: "\n") == stop.problems)
        #expect(value == nil)
    }

    @Test(arguments: [
        ([0x22, 0xFF, 0x22] as [UInt8], "f:1:2: a byte that is not UTF-8 (0xff)\n  Save the file as UTF-8."),
        ([0x0A, 0x22, 0xC3, 0xA9, 0xC3, 0x22], "f:2:3: a byte that is not UTF-8 (0xc3)\n  Save the file as UTF-8."),
        ([0xFF, 0xFE, 0x7B, 0x00], "f:1:1: the file is UTF-16\n  Save it as UTF-8."),
        ([0xFE, 0xFF, 0x00, 0x7B], "f:1:1: the file is UTF-16\n  Save it as UTF-8."),
    ])
    func otherEncodingsAreRefused(_ bytes: [UInt8], _ expected: String) {
        let (root, problems) = JSONParser.parse(bytes, file: "f")
        #expect(root == nil)
        #expect(problems.map(\.description) == [expected])
    }

    @Test func nestingIsBounded() {
        let most = JSONParser.maximumDepth
        let deepest = String(repeating: "[", count: most) + String(repeating: "]", count: most)
        #expect(Self.parse(deepest).problems == [])
        let deeper = String(repeating: "[", count: 100_000)
        let problem = Self.parse(deeper).problems.last ?? ""
        #expect(problem.hasPrefix("f:1:65: [0][0]") && problem.hasSuffix(": nested deeper than 64 levels"))
    }
}
