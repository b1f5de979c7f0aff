// rtbridge: endpoints by chance, and the better one of two.
// SPDX-License-Identifier: Apache-2.0

/// Choices that need nothing but random numbers.
public enum Chance {
    /// Any endpoint that may be used, each as likely.
    /// - Returns: nil if there is none.
    public static func pick(
        of count: Int, using generator: inout some RandomNumberGenerator, isUsable: (Int) -> Bool
    ) -> Int? {
        let usable = (0..<count).filter(isUsable)
        return usable.randomElement(using: &generator)
    }

    /// Of two different endpoints the one with less to do (Mitzenmacher, "The Power of Two Choices in Randomized Load
    /// Balancing", 2001); the first one where they have the same.
    /// - Parameter load: what an endpoint has to do now.
    public static func pickLessLoaded(
        of count: Int, using generator: inout some RandomNumberGenerator, load: (Int) -> Int, isUsable: (Int) -> Bool
    ) -> Int? {
        var usable = (0..<count).filter(isUsable)
        guard let first = usable.randomElement(using: &generator) else { return nil }
        usable.removeAll { $0 == first }
        guard let second = usable.randomElement(using: &generator) else { return first }
        return load(second) < load(first) ? second : first
    }
}
