# rtbridge: the test cases of the Autobahn testsuite, read so that Python 3 runs them.
# SPDX-License-Identifier: Apache-2.0
"""The package `autobahntestsuite` is written for Python 2.7 alone. Its cases are not imported as they are: each module's source
is read as Latin-1, so that every literal, `"\\xfe"` or `"µ"`, has one character for each byte, as Python 2 has it, and the few
things that Python 3 spells otherwise are replaced. Who drives the cases turns their strings into bytes, see `octets`, and what
came from the wire into strings, see `text`."""

import importlib.util
import re
import sys
from binascii import b2a_hex
from pathlib import Path
from types import SimpleNamespace

from autobahn.websocket.utf8validator import Utf8Validator


def octets(value):
    """What Python 2 would have sent for a case's string."""
    return value.encode("latin-1") if isinstance(value, str) else value


def text(value):
    """What a case expects where Python 2 gave it bytes."""
    return value.decode("latin-1") if isinstance(value, (bytes, bytearray)) else value


# A pattern of a module's source, and what takes its place.
REPLACEMENTS = [(re.compile(pattern, re.MULTILINE), replacement) for pattern, replacement in [
    (r"^( *)print\b.*$", r"\1pass"),
    (r"^from case9_9_1 import \*$", ""),                        # not among the suite's cases, and needs an old Twisted
    (r"^from autobahn\.websocket\.utf8validator import .*$", ""),
    (r"^import binascii *$", ""),
    (r"pkg_resources, hashlib, binascii$", "hashlib"),
    (r"len\(self\.payload\) / ", "len(self.payload) // "),
    (r"\(object, Case, \)", "(Case,)"),
    (r"requestNoContextTakeover", "request_no_context_takeover"),
    (r"requestMaxWindowBits", "request_max_window_bits"),
    (r"open\(fn, 'rb'\)", "open(fn, encoding='latin-1', newline='')"),
    (r"(\w+)\.decode\('utf-8'\)", r"\1.encode('latin-1').decode('utf-8')"),
    (r"(\w+)\.encode\('utf-8'\)", r"\1.encode('utf-8').decode('latin-1')"),
    (r"\bm\.update\(msg\)", "m.update(msg.encode('latin-1'))"),
]]


class Validator(Utf8Validator):
    def validate(self, value):
        return super().validate(octets(value))


def _names(directory):
    """What the modules find without importing it."""
    return {
        "xrange": range,
        "Utf8Validator": Validator,
        "binascii": SimpleNamespace(b2a_hex=lambda value: b2a_hex(octets(value)).decode(), hexlify=lambda value: value.hex()),
        "pkg_resources": SimpleNamespace(resource_filename=lambda package, name: str(directory / name)),
    }


class _Cases:
    """A finder and loader of the suite's modules, which import each other by their bare names; `cases` is their package."""

    def __init__(self, directory):
        self.directory = directory
        self.names = _names(directory)

    def find_spec(self, name, path=None, target=None):
        file = self.directory / "case" / ("__init__.py" if name == "cases" else f"{name}.py")
        if not re.fullmatch(r"cases|case(\d\w*)?", name) or not file.exists():
            return None
        return importlib.util.spec_from_file_location(name, file, loader=self)

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        source = Path(module.__spec__.origin).read_text(encoding="latin-1")
        for pattern, replacement in REPLACEMENTS:
            source = pattern.sub(replacement, source)
        vars(module).update(self.names)
        exec(compile(source, module.__spec__.origin, "exec"), vars(module))


def load():
    """The case classes by their id: `{"1.1.1": Case1_1_1, …}`, in the suite's order."""
    package = importlib.util.find_spec("autobahntestsuite")
    if package is None:
        raise ModuleNotFoundError("no autobahntestsuite here; .ci/install-test installs it")
    sys.meta_path.insert(0, _Cases(Path(package.origin).parent))
    cases = importlib.import_module("cases")
    # The suite compares what pickle makes of both, which in Python 3 also tells one object from two equal ones.
    cases.Case1_1_1.__base__.compare = lambda self, one, other: one == other
    return {made.__name__.removeprefix("Case").replace("_", "."): made for made in cases.Cases}
