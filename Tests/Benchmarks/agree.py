#!/usr/bin/env python3
# rtbridge: whether the ratios of several runs of the benchmarks agree.
# SPDX-License-Identifier: Apache-2.0
"""Compares the JSON of several runs (compare.py --json). For every job and peer that all of them have, the highest of the ratios
divided by the lowest must be at most 1.15. Exit status: 0 if all agree, 1 if not, 2 if that cannot be said."""
import argparse
import json
import sys
from pathlib import Path
from typing import NamedTuple


class Row(NamedTuple):
    """A ratio in all runs, and in each its standard error as a share of it."""

    job: str
    peer: str
    values: list
    uncertainties: list

    @property
    def percent(self):
        """By how much the highest is above the lowest."""
        return 100 * (max(self.values) / min(self.values) - 1)

    def text(self, within):
        runs = "  ".join(f"{value:.3f} ± {100 * doubt:3.1f} %" for value, doubt in zip(self.values, self.uncertainties))
        return f"{'✓' if self.percent <= within else '✗'} {self.job:<14} {self.peer:<12} {runs}  {self.percent:5.1f} %"


def read(path):
    """The ratios of a run by job and peer, each with its standard error."""
    try:
        jobs = json.loads(Path(path).read_text(encoding="utf-8"))["jobs"]
        return {(job["name"], peer): (ratio["ratio"], ratio["uncertainty"])
                for job in jobs for peer, ratio in job["ratios"].items()}
    except OSError as error:
        sys.exit(_mistake(f"{path}: {error.strerror}"))
    except (ValueError, KeyError, TypeError):
        sys.exit(_mistake(f"{path}: not what compare.py --json writes"))


def compare(runs):
    """A row for all that the runs have in common."""
    return [Row(*key, [run[key][0] for run in runs], [run[key][1] for run in runs])
            for key in runs[0] if all(key in run for run in runs)]


def _mistake(text):
    print(f"agree: {text}", file=sys.stderr)
    return 2


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", metavar="FILE", help="two or more")
    parser.add_argument("--within", type=float, default=15, metavar="PERCENT", help="default: 15")
    options = parser.parse_args()
    if len(options.files) < 2:
        return _mistake("one run agrees with itself: name two files or more")
    runs = [read(path) for path in options.files]
    rows = compare(runs)
    if not rows:
        return _mistake("the runs have no job and peer in common")
    for row in rows:
        print(row.text(options.within))
    apart = sorted((row for row in rows if row.percent > options.within), key=lambda row: -row.percent)
    alone = len({key for run in runs for key in run}) - len(rows)
    print(f"{len(rows) - len(apart)} of {len(rows)} ratios agree within {options.within:g} %"
          + (f"; {alone} are not in all runs" if alone else "") + ".")
    for row in apart:
        print(f"  apart by {row.percent:.1f} %: {row.job} / {row.peer}")
    return 1 if apart else 0


if __name__ == "__main__":
    sys.exit(main())
