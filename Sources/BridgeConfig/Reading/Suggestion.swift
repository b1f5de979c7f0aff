// rtbridge: "did you mean".
// SPDX-License-Identifier: Apache-2.0

enum Suggestion {
    /// The candidate that a slip of the keyboard turns into the word; nil where none is near.
    static func nearest(to word: String, in candidates: [String]) -> String? {
        let typed = Array(word.lowercased().unicodeScalars.prefix(64))
        var best: (distance: Int, candidate: String)?
        for candidate in candidates {
            let other = Array(candidate.lowercased().unicodeScalars)
            var distance = distance(typed, other)
            // Half a word counts as one slip.
            if typed.count >= 3, other.starts(with: typed) || typed.starts(with: other) { distance = min(distance, 1) }
            // A third of the letters may be wrong, one at least; not all of a short word.
            guard distance <= max(1, other.count / 3), distance < other.count else { continue }
            if best.map({ distance < $0.distance }) ?? true { best = (distance, candidate) }
        }
        return best?.candidate
    }

    /// Optimal string alignment: insertions, deletions, substitutions, and swaps of neighbours (Damerau 1964).
    private static func distance(_ a: [Unicode.Scalar], _ b: [Unicode.Scalar]) -> Int {
        var before: [Int] = []
        var previous = Array(0...b.count)
        for i in a.indices {
            var current = [i + 1]
            for j in b.indices {
                let same = a[i] == b[j]
                var cost = min(previous[j] + (same ? 0 : 1), previous[j + 1] + 1, current[j] + 1)
                if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { cost = min(cost, before[j - 1] + 1) }
                current.append(cost)
            }
            before = previous
            previous = current
        }
        return previous[b.count]
    }

    /// `Did you mean "a"? Known keys: a, b, c.`
    static func hint(for word: String, nearest candidate: String?, known: [String], title: String) -> String {
        let list = known.isEmpty ? "" : "\(title): \(known.joined(separator: ", "))."
        guard let candidate else { return list.isEmpty ? "Remove it." : list }
        return "Did you mean \(quoted(candidate))?" + (list.isEmpty ? "" : " " + list)
    }
}
