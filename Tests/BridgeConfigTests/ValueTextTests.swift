// rtbridge: durations, sizes, addresses, origins and the like as text.
// SPDX-License-Identifier: Apache-2.0

import BridgePolicy
import Testing

@testable import BridgeConfig

/// The value, or the fault's message.
private func outcome<Value>(_ parse: (String) throws(Fault) -> Value, _ text: String) -> String {
    do throws(Fault) { return "\(try parse(text))" } catch { return error.message }
}

struct DurationTextTests {
    @Test(arguments: [
        ("250ms", 250), ("1.5s", 1500), ("1m30s", 90_000), ("2h", 7_200_000), ("0s", 0), ("0ms", 0),
        ("1h0m0.25s", 3_600_250), ("0.5h", 1_800_000), ("1s500ms", 1500), ("000000001s", 1000), ("1.000000000s", 1000),
    ])
    func durationsAreRead(_ text: String, _ milliseconds: Int64) throws {
        #expect(try DurationText.parse(text) == .milliseconds(milliseconds))
    }

    @Test(arguments: [
        ("", "is not a duration"), ("s", "is not a duration"), ("10", "has no unit"), ("1.5", "has no unit"),
        ("10 s", "is not a duration"), ("-1s", "is not a duration"), ("+1s", "is not a duration"),
        ("1S", "is not a duration"), ("1d", "is not a duration"), ("10sec", "is not a duration"),
        ("1.s", "is not a duration"), (".5s", "is not a duration"), ("1.2.3s", "is not a duration"),
        ("1s30", "is not a duration"), ("30s1m", "has its units in the wrong order"),
        ("1s1s", "has its units in the wrong order"), ("1ms1s", "has its units in the wrong order"),
        ("999999999h", "is too long"), ("1234567890s", "is not a duration"), ("٣s", "is not a duration"),
        ("1.0000000000s", "is not a duration"), ("1m 30s", "is not a duration"), ("off", "is not a duration"),
    ])
    func whatIsNoDurationIsRefused(_ text: String, _ message: String) {
        #expect(outcome(DurationText.parse, text) == message)
    }

    @Test(arguments: [
        (Duration.zero, "0s"), (.milliseconds(250), "250ms"), (.seconds(10), "10s"), (.seconds(60), "1m"),
        (.seconds(90), "1m30s"), (.seconds(300), "5m"), (.seconds(7200), "2h"), (.milliseconds(1500), "1.5s"),
        (.microseconds(50), "0.05ms"), (.seconds(3600) + .milliseconds(1), "1h1ms"), (.nanoseconds(1), "0.000001ms"),
    ])
    func durationsAreWrittenShort(_ duration: Duration, _ text: String) {
        #expect(DurationText.write(duration) == text)
    }

    @Test func whatIsWrittenIsReadBack() throws {
        for seed in 0..<5000 as Range<UInt64> {
            var random = SeededRandom(seed: seed)
            let scale: Int64 = [1, 1_000_000, 1_000_000_000, 60_000_000_000].randomElement(using: &random) ?? 1
            let duration = Duration.nanoseconds(Int64.random(in: 0...100_000, using: &random) * scale)
            let text = DurationText.write(duration)
            #expect(try DurationText.parse(text) == duration, "seed \(seed): \(text)")
        }
    }
}

struct SizeTextTests {
    @Test(arguments: [
        ("0", 0), ("1", 1), ("512B", 512), ("64KiB", 65536), ("4MiB", 4 << 20), ("2GiB", 2 << 30), ("65536", 65536),
    ])
    func sizesAreRead(_ text: String, _ bytes: Int) throws {
        #expect(try SizeText.parse(text) == bytes)
    }

    @Test(arguments: [
        ("64KB", "\"64KiB\""), ("64k", "\"64KiB\""), ("64K", "\"64KiB\""), ("64kib", "\"64KiB\""), ("4M", "\"4MiB\""),
        ("4mb", "\"4MiB\""), ("1g", "\"1GiB\""), ("4Mi", nil), ("", nil), ("KiB", nil), ("-1", nil), ("1.5MiB", nil),
        ("4 MiB", nil), ("1TiB", nil), ("٣KiB", nil), ("99999999999999999999", nil), ("9223372036854775807KiB", nil),
    ])
    func whatIsNoSizeIsRefusedWithWhatWasMeant(_ text: String, _ correction: String?) {
        let fault = #expect(throws: Fault.self) { try SizeText.parse(text) }
        #expect(fault?.correction == correction)
    }

    @Test(arguments: [(0, "0B", "0"), (1, "1B", "1"), (65507, "65507B", "65507"), (65536, "64KiB", "\"64KiB\"")])
    func sizesAreWritten(_ bytes: Int, _ text: String, _ json: String) {
        #expect(SizeText.write(bytes) == text)
        #expect(SizeText.json(bytes) == json)
    }
}

struct AddressTextTests {
    @Test(arguments: [
        ("0.0.0.0:8443", "0.0.0.0", 8443), ("[::]:0", "::", 0), ("[FE80::1%eth0]:1", "fe80::1%eth0", 1),
        ("LocalHost:65535", "localhost", 65535), ("a_b.svc.cluster.local.:80", "a_b.svc.cluster.local.", 80),
    ])
    func addressesAreRead(_ text: String, _ host: String, _ port: Int) throws {
        #expect(try AddressText.listener(text) == .host(host, port: port))
    }

    @Test(arguments: [
        ("", "is no address"), ("8443", "is a port without a host"), (":8443", "has no host"),
        ("*:8443", "has no host"),
        ("localhost", "has no port"), ("localhost:", "has no port"), ("localhost:http", "has a port that is no number"),
        ("localhost:+1", "has a port that is no number"), ("localhost:080", "has a port that is no number"),
        ("localhost:65536", "has a port outside 0...65535"), ("localhost:999999", "has a port outside 0...65535"),
        ("::1", "is an IPv6 address without brackets and port"),
        ("::1:8443", "is an IPv6 address without brackets and port"),
        ("a:b:1", "has several colons"), ("[::1:80", "has a [ that is not closed"), ("[::1]", "has no port"),
        ("[::1]80", "has no port"), ("[x]:80", "has no IPv6 address in its brackets"),
        ("[::1%]:80", "has no IPv6 address in its brackets"), ("[]:80", "has no IPv6 address in its brackets"),
        ("256.1.1.1:80", "has a host that is no IPv4 address"), ("1.2.3:80", "has a host that is no IPv4 address"),
        ("a..b:80", "has a host with a part that is empty or longer than 63 letters"),
        ("bücher.example:80", "has a host that is no name or IP address"),
        ("a b:80", "has a host that is no name or IP address"), ("unix:x", "has no absolute path"),
        (
            "unix:/" + String(repeating: "x", count: 107),
            "has a path of more than 107 bytes, which no Unix socket can have"
        ),
        ("tcp://a:80", "is a URL"),
    ])
    func whatIsNoAddressIsRefused(_ text: String, _ message: String) {
        #expect(outcome(AddressText.listener, text) == message)
    }

    @Test func onlyListenersHavePortZero() {
        #expect(outcome(AddressText.endpoint, "a:0") == "has a port outside 1...65535")
    }

    @Test(arguments: [
        ("grpc://127.0.0.1:50051", "grpc://127.0.0.1:50051"), ("TCP://[::1]:1/", "tcp://[::1]:1"),
        ("udp://A:2", "udp://a:2"),
        ("unix:/run/x.sock", "unix:/run/x.sock"), ("http://a:1", "http://a:1"),
        ("wss://a:1", "wss://a:1"), ("https://a:1", "https://a:1"),
        ("ftp://a:1", "has an unknown scheme"),
        ("grpc://a", "has no port"), ("grpc://a:0", "has a port outside 1...65535"), ("grpc://", "is no address"),
        ("grpc://a:1/x", "has a path in it"), ("grpc://a:1?x", "has a path in it"),
        ("grpc://a:1//", "has a path in it"),
        ("grpc://u:p@a:1", "has a user in it"), ("grpc:a://b:1", "is no URL"),
    ])
    func urlsOfBackEndsAreReadOrRefused(_ text: String, _ expected: String) {
        #expect(outcome({ text throws(Fault) in try BackendURL.parse(text).name }, text) == expected)
    }
}

struct MatchTextTests {
    @Test(arguments: [
        ("*", "*"), ("https://App.Example.com", "https://app.example.com"), ("http://[::1]:3000", "http://[::1]:3000"),
        ("capacitor://localhost", "capacitor://localhost"), ("https://a:80", "https://a:80"),
        ("null", "is the origin of every sandboxed frame and local file"), ("", "is no origin"),
        ("app.example.com", "is no origin"), ("//a", "is no origin"), ("1x://a", "is no origin"),
        ("https://a/", "ends with a slash, which no browser sends"), ("https://a/b", "has a path in it"),
        ("https://a?b", "has a path in it"), ("https://*.a", "has a wildcard in it"),
        ("https://u@a", "has a user in it"),
        ("https://a:443", "has the default port in it, which browsers leave out"),
        ("http://a:80", "has the default port in it, which browsers leave out"),
        ("https://", "has no host"), ("https://a:", "has no port"), ("https://a:0", "has a port outside 1...65535"),
        ("https://a b", "has a host that is no name or IP address"),
    ])
    func originsAreReadOrRefused(_ text: String, _ expected: String) {
        #expect(outcome(OriginText.parse, text) == expected)
    }

    @Test(arguments: [
        ("/", "/"), ("/a/%2F%c3%A9;b=c/~", "/a/%2F%c3%A9;b=c/~"), ("", "does not begin with /"),
        ("a", "does not begin with /"), ("/a?b", "has a query or fragment in it"),
        ("/a#b", "has a query or fragment in it"),
        ("/%", "has a % that no two hexadecimal digits follow"),
        ("/%4", "has a % that no two hexadecimal digits follow"),
        ("/%zz", "has a % that no two hexadecimal digits follow"), ("/a b", "has a character in it that no path has"),
        ("/é", "has a character in it that no path has"), ("/a\\b", "has a character in it that no path has"),
    ])
    func pathsAreReadOrRefused(_ text: String, _ expected: String) {
        #expect(outcome(MatchText.path, text) == expected)
    }

    @Test(arguments: [
        ("API.example.com", "exact(\"api.example.com\")"), ("*.Example.com", "suffix(\".example.com\")"),
        ("[::1]", "exact(\"[::1]\")"), ("::1", "exact(\"[::1]\")"), ("10.0.0.1", "exact(\"10.0.0.1\")"),
        ("*", "matches nothing in particular"), ("", "matches nothing in particular"), ("a:80", "has a port in it"),
        ("https://a", "is a URL"), ("a.*.b", "has a wildcard that is not the first part"),
        ("*a.b", "has a wildcard that is not the first part"), ("[x]", "is no IPv6 address"),
        ("*.", "has a host with a part that is empty or longer than 63 letters"),
    ])
    func hostsAreReadOrRefused(_ text: String, _ expected: String) {
        let host = outcome(MatchText.host, text).replacing("BridgeConfig.Match.Host.", with: "")
        #expect(host == expected)
    }

    @Test(arguments: [
        ("helloworld.Greeter", true), ("Greeter", true), ("_a.b_1", true), ("", false), ("a..b", false), (".a", false),
        ("a.1b", false), ("/a.B", false), ("a.B/C", false), ("a-b", false), ("*", false),
    ])
    func servicesAreFullNames(_ text: String, _ isService: Bool) {
        #expect((outcome(MatchText.service, text) == text) == isService)
    }

    @Test(arguments: [("X-Tenant", "x-tenant"), ("a b", nil), ("", nil), (":path", nil), ("é", nil)])
    func fieldNamesAreTokensInLowerCase(_ text: String, _ expected: String?) {
        #expect((try? MatchText.fieldName(text)) == expected)
    }
}
