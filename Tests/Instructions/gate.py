#!/usr/bin/env python3
# rtbridge: instructions and allocations per request, against the figures in git.
# SPDX-License-Identifier: Apache-2.0
"""Fails when a request or a message takes over 5 % more instructions or allocations than figures.json says.

Counted are fixed runs in one process and one thread, without sockets, clock or chance, so that a busy machine changes nothing.
The channels in memory (NIOEmbedded) are in the count: a figure is good for comparing with itself, not with a socket's.
`make instructions` builds the program and comes here; `make instructions INSTRUCTIONS_ARGS=--record` writes figures.json.
"""
import argparse
import json
import os
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import callgrind
import versions

HERE = Path(__file__).resolve().parent
TOP = HERE.parent.parent
FIGURES = HERE / "figures.json"
BINARY = TOP / ".build/release/rtbridge-instructions"

# What may change without being said.
TOLERANCE = 0.05
# Of an allocation in an iteration: where there are few of them, one more is more than this.
LEAST_ALLOCATIONS = 0.5

RECORD = "make instructions INSTRUCTIONS_ARGS=--record"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--record", action="store_true", help="write figures.json instead of comparing with it")
    parser.add_argument("--only", metavar="TEXT", default="", help="the scenarios that have this in their name")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write what was counted here, too")
    options = parser.parse_args()
    if options.record and options.only:
        parser.error("--record goes with all scenarios: leave --only out")
    if not BINARY.exists():
        parser.error(f"{BINARY} is missing: make instructions builds it")
    now = {"versions": versions.read(TOP), "scenarios": count_all(options.only)}
    if options.json:
        write(options.json, now)
    if options.record:
        write(FIGURES, now)
    return compare(now, json.loads(FIGURES.read_text()), options.only)


def count_all(only: str) -> dict[str, dict[str, float]]:
    """Scenarios do not disturb each other: as many run at once as there are cores."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        binary = directory / "instructions"
        callgrind.strip_for_valgrind(BINARY, binary)
        todo = {name: count for name, count in callgrind.scenarios(binary).items() if only in name}
        with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
            counted = list(pool.map(lambda item: callgrind.count(binary, *item, directory), todo.items()))
    return {
        name: {"instructions": round(figures.instructions), "allocations": round(figures.allocations, 2)}
        for name, figures in zip(todo, counted)
    }


def write(path: Path, figures: dict) -> None:
    """A scenario a line, so that git's differences read well."""
    lines = [f'    {json.dumps(name)}: {json.dumps(values)}' for name, values in figures["scenarios"].items()]
    head = json.dumps({"versions": figures["versions"]}, indent=2).removesuffix("\n}")
    path.write_text(head + ',\n  "scenarios": {\n' + ",\n".join(lines) + "\n  }\n}\n")


def limit(kind: str, recorded: float) -> float:
    """By how much a figure may differ from the recorded one."""
    return max(recorded * TOLERANCE, LEAST_ALLOCATIONS if kind == "allocations" else 0)


def compare(now: dict, recorded: dict, only: str) -> int:
    """Prints the table and the verdict. Returns the exit code."""
    worse, better = [], []
    print(f'{"scenario":32}{"instructions":>14}{"recorded":>12}{"change":>9}{"allocations":>14}{"recorded":>10}{"change":>9}')
    for name, values in now["scenarios"].items():
        before = recorded["scenarios"].get(name)
        if before is None:
            print(f'{name:32}{values["instructions"]:14,}{"new":>12}{"":9}{values["allocations"]:14.2f}{"new":>10}')
            worse.append(f"{name} is new: there is no figure to compare it with.")
            continue
        print(
            f'{name:32}{values["instructions"]:14,}{before["instructions"]:12,}{change(values, before, "instructions"):>9}'
            f'{values["allocations"]:14.2f}{before["allocations"]:10.2f}{change(values, before, "allocations"):>9}')
        for kind in ("instructions", "allocations"):
            text = f"{name}: {before[kind]:,} {kind} before, {values[kind]:,} now ({change(values, before, kind)})"
            if values[kind] - before[kind] > limit(kind, before[kind]):
                worse.append(text)
            elif before[kind] - values[kind] > limit(kind, before[kind]):
                better.append(text)
    for name in recorded["scenarios"]:
        if name not in now["scenarios"] and only in name:
            worse.append(f"{name} is recorded, and there is no such scenario any more.")
    return verdict(worse, better, differing(now["versions"], recorded["versions"]))


def change(values: dict, before: dict, kind: str) -> str:
    if before[kind] == 0:
        return "" if values[kind] == 0 else "new"
    return f"{(values[kind] / before[kind] - 1) * 100:+.1f} %"


def differing(now: dict[str, str], recorded: dict[str, str]) -> list[str]:
    return [
        f"{name} {now.get(name, 'none')} (recorded with {recorded.get(name, 'none')})"
        for name in sorted(now.keys() | recorded.keys()) if now.get(name) != recorded.get(name)
    ]


def verdict(worse: list[str], better: list[str], different: list[str]) -> int:
    if better:
        print(f"\nMore than {TOLERANCE:.0%} better. Record this, so that it stays so: {RECORD}")
        print(*(f"  {line}" for line in better), sep="\n")
    if worse:
        print(f"\nMore than {TOLERANCE:.0%} worse. If it has to be, record it and say why in the commit: {RECORD}")
        print(*(f"  {line}" for line in worse), sep="\n")
    if different:
        print("\nThe figures were recorded with something else, so this comparison is a warning and no failure:")
        print(*(f"  {line}" for line in different), sep="\n")
        return 0
    if not worse:
        print("\ninstructions: within the limits")
    return 1 if worse else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except callgrind.Failed as failed:
        sys.exit(f"rtbridge: {failed}")
