# rtbridge: samples of perf, by area of the program.
# SPDX-License-Identifier: Apache-2.0
import re
from collections import defaultdict

from suite import machine

# The first that fits. Of the kernel by its symbols, of Swift by the module in a mangled name.
_KERNEL = (
    ("kernel: copying", r"copy_(user|to|from|page)|rep_movs|copyin|copyout|_copy_|memcpy|memset|clear_page|csum"),
    ("kernel: epoll, wake-ups", r"epoll|^ep_|sched|wake|futex|switch|hrtimer|eventfd|timerfd|poll"),
    ("kernel: TCP/IP, sockets", r"tcp|^bbr|^ip|inet|skb|sock|^net|^__?net|napi|loopback|dev_|xmit|udp|nf_|sk_|qdisc|softirq|alloc_skb|unix_|bpf"),
    ("kernel: memory", r"alloc|free|slab|page|fault|mmap|kmem|cgroup|obj_"),
    ("kernel: entry, others", r""),
)
_LIBRARIES = (
    ("libcrypto, libssl", r"libcrypto|libssl"), ("libnghttp2", r"libnghttp2"), ("zlib", r"libz\."),
    ("libc: malloc, memcpy, calls", r"libc[.-]|ld-linux|libjemalloc|\[vdso\]"),
)
_RUNTIME = (
    ("Swift: reference counts", r"swift_(unknownObject)?(retain|release|bridgeObject|weak|unowned)|RefCount|_?swift_(strong|native)"),
    ("Swift: allocation", r"swift_(slow)?(alloc|dealloc)|swift_allocObject|swift_deallocClass"),
    ("Swift: runtime, library", r"^_?swift_|^\$s[sS]|^__swift|^\$sy|objectdestroy|outlined"),
    ("llhttp", r"llhttp"), ("HTTP/2 session: HTTP2Session", r"^CNghttp2_"),
    ("libc: malloc, memcpy, calls", r"^(malloc|free|calloc|realloc|operator (new|delete))"),
)
_MODULES = (
    ("NIO", r"NIO(Core|Posix|HTTP1|Embedded|Concurrency\w*)|DequeModule|Atomics|CNIO\w*"),
    ("TLS: NIOOpenSSL", r"NIOOpenSSL|COpenSSL"), ("HTTP/2 session: HTTP2Session", r"HTTP2Session"),
    ("codecs: BridgeWire", r"BridgeWire"), ("sockets: BridgeSockets", r"BridgeSockets"),
    ("exchange: BridgeCore", r"BridgeCore"), ("fronts: BridgeFronts", r"BridgeFronts"), ("backs: BridgeBacks", r"BridgeBacks"),
    ("ingress: BridgeServer", r"BridgeServer"), ("the bridge: others", r"Bridge\w+|rtbridge"),
)
_ORDER = list(dict.fromkeys(name for group in (_KERNEL, _LIBRARIES, _RUNTIME, _MODULES) for name, _ in group))


def processes(pid):
    return list(machine.tree(pid))


def area(binary, symbol):
    """Where a sample belongs."""
    if symbol.startswith("[k]") or "kernel" in binary or re.search(r"\.ko$", binary):
        return _first(_KERNEL, symbol[4:])
    name = symbol[4:] if symbol.startswith("[.]") else symbol
    if found := _first(_LIBRARIES, binary):
        return found
    if module := re.match(r"\$s(\d+)(\w+)", name):
        return _first(_MODULES, module[2][:int(module[1])]) or "the bridge: others"
    return _first(_RUNTIME, name) or "its own code"


def share_out(text, value):
    """`text`: of perf report, samples, binary and symbol. Returns the cost by area, and by area and symbol."""
    lines = [line.split("\t") for line in text.splitlines() if re.match(r"\s*\d+\s*\t", line)]
    whole = sum(int(line[0]) for line in lines)
    by_area, by_symbol = defaultdict(float), defaultdict(float)
    for samples, binary, symbol in ((line[0], line[1].strip(), line[2].strip()) for line in lines):
        cost, where = value * int(samples) / whole, area(binary, symbol)
        by_area[where] += cost
        by_symbol[where, symbol[4:]] += cost
    return by_area, by_symbol


def table(profiles):
    """Areas that take less than a hundredth of everything go together."""
    names = list(profiles)
    rows, rest = [], dict.fromkeys(names, 0.0)
    for where in [*_ORDER, "its own code"]:
        costs = {name: profiles[name][0].get(where, 0.0) for name in names}
        if any(cost >= 0.01 * profiles[name][1] for name, cost in costs.items()):
            rows.append((where, costs))
        else:
            rest = {name: rest[name] + cost for name, cost in costs.items()}
    rows += [("less than 1 % each", rest), ("together", {name: profiles[name][1] for name in names})]
    digits = 2 if max(value for _, value in profiles.values()) < 100 else 0
    lines = [f"| area | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    lines += [f"| {where} | {' | '.join(f'{costs[name]:.{digits}f}' if costs[name] else '' for name in names)} |" for where, costs in rows]
    return "\n".join(lines)


# Of the README's table: the areas whose names begin so; the last takes what is left.
_COLUMNS = (("kernel", ("kernel",)), ("OpenSSL", ("libcrypto",)), ("libnghttp2", ("libnghttp2",)), ("libc", ("libc:",)),
            ("Swift's runtime", ("Swift:",)), ("NIO, llhttp", ("NIO", "llhttp")), ("own code", ("",)))


def row_head():
    return _line(["job: ours, peer's", *(name for name, _ in _COLUMNS), "together"]) + "\n|---" + "|---" * (len(_COLUMNS) + 1) + "|"


def row(title, ours, theirs):
    """Two proxies side by side, an area in each column; what takes less than a hundredth in both is left out."""
    pairs = list(zip(_columns(ours), _columns(theirs)))
    pairs.append(tuple(map(sum, zip(*pairs))))
    digits = 0 if max(pairs[-1]) >= 100 else 1
    return _line([title, *(", ".join(f"{cost:.{digits}f}" for cost in pair) if any(
        cost >= 0.01 * whole for cost, whole in zip(pair, pairs[-1])) else "" for pair in pairs)])


def _columns(by_area):
    sums = dict.fromkeys((name for name, _ in _COLUMNS), 0.0)
    for where, cost in by_area.items():
        sums[next(name for name, starts in _COLUMNS if where.startswith(starts))] += cost
    return sums.values()


def _line(cells):
    return f"| {' | '.join(cells)} |".replace("|  |", "| |").replace("|  |", "| |")


def _first(patterns, text):
    return next((name for name, pattern in patterns if re.search(pattern, text)), None)
