// rtbridge: the numbers of the demo's telemetry: a wave and a wandering load.
// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// Two series that look like a measurement: the same seed makes the same numbers.
struct TelemetrySignal {
    private var random: SplitMix64
    private var slow = Oscillator(amplitude: 0.72, radiansPerStep: 0.045)
    private var fast = Oscillator(amplitude: 0.2, radiansPerStep: 0.115)
    private var load = 40.0

    init(seed: UInt64) { random = SplitMix64(state: seed) }

    mutating func next() -> TelemetrySample {
        load += Double.random(in: -4...4, using: &random) + (45 - load) * 0.02
        load = min(100, max(0, load))
        let noise = Double.random(in: -0.03...0.03, using: &random)
        let value = slow.next() + fast.next() + noise
        return TelemetrySample(value: min(1, max(-1, value)), load: load)
    }
}

/// One point of both series.
struct TelemetrySample: Equatable {
    /// -1...1
    var value: Double
    /// 0...100, in percent
    var load: Double

    /// As JSON: `{"seq":17,"t":850,"value":0.421,"load":37.250}`.
    func write(to buffer: inout ByteBuffer, sequence: Int, milliseconds: Int64) {
        buffer.writeString("{\"seq\":\(sequence),\"t\":\(milliseconds),\"value\":")
        Self.writeThousandths(value, to: &buffer)
        buffer.writeString(",\"load\":")
        Self.writeThousandths(load, to: &buffer)
        buffer.writeString("}")
    }

    /// Three digits after the point. Both series are small numbers, so the product fits.
    private static func writeThousandths(_ number: Double, to buffer: inout ByteBuffer) {
        let thousandths = Int((number * 1000).rounded())
        let fraction = String(thousandths.magnitude % 1000)
        let zeros = String(repeating: "0", count: 3 - fraction.count)
        buffer.writeString("\(thousandths < 0 ? "-" : "")\(thousandths.magnitude / 1000).\(zeros)\(fraction)")
    }
}

/// A sine wave by the symplectic Euler method, which keeps its amplitude for good (no library of functions needed).
struct Oscillator {
    private let stiffness: Double
    private var position = 0.0
    private var velocity: Double

    init(amplitude: Double, radiansPerStep: Double) {
        stiffness = radiansPerStep * radiansPerStep
        velocity = amplitude * radiansPerStep
    }

    mutating func next() -> Double {
        velocity -= stiffness * position
        position += velocity
        return position
    }
}

/// Steele, Lea and Flood, "Fast splittable pseudorandom number generators" (OOPSLA 2014).
struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
