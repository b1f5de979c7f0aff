#!/usr/bin/env python3
# rtbridge: the README's figures, from the JSON of the benchmarks.
# SPDX-License-Identifier: Apache-2.0
"""Writes the figures of a run (compare.py --json) into README.md, between its two markers, and draws figures.svg anew.

With several runs of the same jobs the figures are those of the first, and a line says how many ratios agreed among all."""
import argparse
import json
import sys
from pathlib import Path

import agree
from suite import chart, markdown

HERE = Path(__file__).resolve().parent
README = HERE.parents[1] / "README.md"
FIGURES = "<!-- Figures: written by Tests/Benchmarks/readme.py -->", "<!-- End of the figures -->"
PROFILES = "<!-- Profiles: written by Tests/Benchmarks/profile.py --readme -->", "<!-- End of the profiles -->"


def figures(paths, within):
    document = json.loads(Path(paths[0]).read_text(encoding="utf-8"))
    parts = [markdown.table(document), f"{markdown.provenance(document)} {markdown.verdict(document)}"]
    if len(paths) > 1:
        rows = agree.compare([agree.read(path) for path in paths])
        apart = [row for row in rows if row.percent > within]
        text = f"Of {len(paths)} runs {len(rows) - len(apart)} of {len(rows)} ratios agree within {within:g} %"
        names = ", ".join(f"{row.job} / {row.peer} ({row.percent:.0f} %)" for row in apart)
        parts[-1] += f" {text}; the others: {names}." if apart else f" {text}."
    return document, "\n\n".join(parts)


def replace(marks, new):
    """Writes into README.md what stands between two lines."""
    text, (start, end) = README.read_text(encoding="utf-8"), marks
    if text.count(start) != 1 or text.count(end) != 1 or text.index(start) > text.index(end):
        sys.exit(f"readme: README.md lacks the two lines {start} and {end}, once each and in this order")
    head, rest = text.split(start)
    README.write_text(f"{head}{start}\n\n{new}\n\n{end}{rest.split(end)[1]}", encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", metavar="FILE")
    parser.add_argument("--within", type=float, default=15, metavar="PERCENT", help="for the agreement; default: 15")
    parser.add_argument("--print", action="store_true", help="print the figures, and change nothing")
    options = parser.parse_args()
    document, text = figures(options.files, options.within)
    if options.print:
        print(text)
        return
    replace(FIGURES, text)
    (HERE / "figures.svg").write_text(chart.svg(document["jobs"]), encoding="utf-8")


if __name__ == "__main__":
    main()
