#!/usr/bin/env python3
# rtbridge: whether the ratios of several runs of the benchmarks agree.
# SPDX-License-Identifier: Apache-2.0
"""Compares the JSON of several runs (compare.py --json). For every job and peer that all of them have, the highest of the ratios
divided by the lowest must be at most 1.15. Exit status: 0 if all agree, 1 if not, 2 if that cannot be said."""
import argparse
import json
import sys
from pathlib import Path


def ratios(path):
    try:
        jobs = json.loads(Path(path).read_text(encoding="utf-8"))["jobs"]
        return {(job["name"], peer): ratio["median"] for job in jobs for peer, ratio in job["ratios"].items()}
    except OSError as error:
        sys.exit(_mistake(f"{path}: {error.strerror}"))
    except (ValueError, KeyError, TypeError):
        sys.exit(_mistake(f"{path}: not what compare.py --json writes"))


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
    runs = [ratios(path) for path in options.files]
    shared = [key for key in runs[0] if all(key in run for run in runs)]
    if not shared:
        return _mistake("the runs have no job and peer in common")
    apart = 0
    for job, peer in shared:
        values = [run[job, peer] for run in runs]
        spread = 100 * (max(values) / min(values) - 1)
        agrees = spread <= options.within
        apart += not agrees
        print(f"{'✓' if agrees else '✗'} {job:<14} {peer:<12} {'  '.join(f'{value:.3f}' for value in values)}  {spread:5.1f} %")
    alone = len({key for run in runs for key in run}) - len(shared)
    print(f"{len(shared) - apart} of {len(shared)} ratios agree within {options.within:g} %"
          + (f"; {alone} are not in all runs" if alone else "") + ".")
    return 1 if apart else 0


if __name__ == "__main__":
    sys.exit(main())
