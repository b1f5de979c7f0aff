# rtbridge: what the figures depend on besides this project's code.
# SPDX-License-Identifier: Apache-2.0
"""Versions of the compiler, of the libraries that run in the count, and of what counts."""
import ctypes
import json
import platform
import re
import subprocess
from pathlib import Path

# The C library and OpenSSL choose their code by these; valgrind hides what it does not know.
CPU_FLAGS = ["aes", "avx2", "bmi2", "erms", "fsrm", "pclmulqdq"]


def read(top: Path) -> dict[str, str]:
    """By name. A library that cannot be asked is "unknown"."""
    versions = {
        "machine": platform.machine(),
        "cpu": cpu_flags(),
        "swift": first_match(r"Swift version (\S+)", ["swift", "--version"]),
        "valgrind": first_match(r"valgrind-(\S+)", ["valgrind", "--version"]),
        "libc": " ".join(platform.libc_ver()),
        "libnghttp2": nghttp2(),
        "openssl": text_of("libssl.so.3", "OpenSSL_version", 0),
        "zlib": text_of("libz.so.1", "zlibVersion"),
    }
    for pin in json.loads((top / "Package.resolved").read_text())["pins"]:
        if pin["identity"] in ("swift-nio", "swift-collections", "swift-log"):
            versions[pin["identity"]] = pin["state"].get("version", "unknown")
    return versions


def cpu_flags() -> str:
    match = re.search(r"^flags\s*:(.*)$", Path("/proc/cpuinfo").read_text(), re.M)
    flags = match[1].split() if match else []
    return " ".join(flag for flag in CPU_FLAGS if flag in flags)


def first_match(pattern: str, command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True)
    match = re.search(pattern, done.stdout + done.stderr)
    return match[1] if match else "unknown"


def text_of(library: str, function: str, *arguments: int) -> str:
    try:
        call = getattr(ctypes.CDLL(library), function)
    except (OSError, AttributeError):
        return "unknown"
    call.restype = ctypes.c_char_p
    return call(*arguments).decode()


def nghttp2() -> str:
    class Info(ctypes.Structure):
        _fields_ = [("age", ctypes.c_int), ("number", ctypes.c_int), ("text", ctypes.c_char_p)]

    try:
        call = ctypes.CDLL("libnghttp2.so.14").nghttp2_version
    except (OSError, AttributeError):
        return "unknown"
    call.restype = ctypes.POINTER(Info)
    return call(0).contents.text.decode()
