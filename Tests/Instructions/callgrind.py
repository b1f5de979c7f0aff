# rtbridge: counts one scenario's instructions and allocations.
# SPDX-License-Identifier: Apache-2.0
"""Runs a scenario under valgrind's callgrind and reads what it wrote down.

The program marks what is counted, see Scenarios/Meter.swift: callgrind counts inside of `rtbridge_counted`, and writes its
figures to a file of their own at the end of each part: a warm-up, then N iterations, then 2 N. The difference of the last two
over N is the figure; what happens once in each part is not in it.
"""
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

# Calls between these are the allocator's own business. Swift's runtime calls malloc or, for large alignments, posix_memalign.
ALLOCATORS = {"malloc", "calloc", "realloc", "posix_memalign", "aligned_alloc", "memalign"}

# Nothing of the machine's environment gets in. SWIFT_DETERMINISTIC_HASHING: tables are laid out alike in each run.
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "SWIFT_DETERMINISTIC_HASHING": "1"}

OPTIONS = [
    "--collect-atstart=no",
    # The compiler makes specialised copies of the function, with its name in theirs.
    "--toggle-collect=*rtbridge_counted*",
    "--dump-after=*rtbridge_part_ended*",
]


class Failed(Exception):
    """A scenario could not be counted."""


@dataclass
class Figures:
    """What one iteration costs."""
    instructions: float
    allocations: float


@dataclass
class Part:
    instructions: int
    allocations: int


def strip_for_valgrind(binary: Path, target: Path) -> None:
    """Copies the binary without its debug information, which valgrind reads slowly, or not at all (DWARF 5 before 3.20)."""
    subprocess.run(["strip", "--strip-debug", "-o", target, binary], check=True)


def scenarios(binary: Path) -> dict[str, int]:
    """The scenarios' names and their N."""
    lines = subprocess.run([binary], check=True, capture_output=True, text=True).stdout.splitlines()
    return {name: int(count) for name, count in (line.split() for line in lines)}


def count(binary: Path, name: str, iterations: int, directory: Path) -> Figures:
    """Runs one scenario; `directory` takes callgrind's files."""
    out = directory / name
    # Addresses do not change from run to run.
    command = ["setarch", "-R", "valgrind", "-q", "--tool=callgrind", *OPTIONS, f"--callgrind-out-file={out}", binary, name]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True)
    if done.returncode != 0:
        raise Failed(f"{name}: exit {done.returncode}: {done.stderr.strip() or done.stdout.strip()}")
    once, twice = (read_part(out.with_name(f"{out.name}.{number}")) for number in (2, 3))
    figures = Figures(
        (twice.instructions - once.instructions) / iterations, (twice.allocations - once.allocations) / iterations)
    if figures.instructions < 1:
        raise Failed(f"{name}: nothing was counted: is rtbridge_counted still in the binary under this name?")
    return figures


def read_part(path: Path) -> Part:
    """Reads a file in callgrind's format: the total, and the calls of allocators by others (cl-format in valgrind's manual)."""
    names: dict[str, str] = {}

    def name_of(field: str) -> str:
        # `(7) name` where the name stands for the first time, `(7)` afterwards.
        match = re.fullmatch(r"\((\d+)\)(?: (.*))?", field)
        if match is None:
            return field
        if match[2] is not None:
            names[match[1]] = match[2]
        return names[match[1]].split("'")[0]

    part, caller, callee = Part(0, 0), "", ""
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in map(str.rstrip, lines):
            if line.startswith("fn="):
                caller = name_of(line[3:])
            elif line.startswith("cfn="):
                callee = name_of(line[4:])
            elif line.startswith("calls=") and callee in ALLOCATORS and caller not in ALLOCATORS:
                part.allocations += int(line[6:].split()[0])
            elif line.startswith("totals:"):
                part.instructions = int(line[7:])
    return part
