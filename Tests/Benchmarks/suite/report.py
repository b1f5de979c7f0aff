# rtbridge: what came out, as a table and as JSON.
# SPDX-License-Identifier: Apache-2.0
from statistics import median


def summarise(job, rounds, memories):
    """`rounds`: for each proxy, the subject first, what its rounds measured; `memories`: Pss and VmRSS after them."""
    names = list(rounds)
    subject = names[0]
    proxies = {}
    for name, measured in rounds.items():
        proxies[name] = {
            "cpuMicroseconds": median(one.cpu_microseconds for one in measured),
            "perSecond": median(one.completed / one.seconds for one in measured),
            "memoryMiB": memories[name][0], "residentMiB": memories[name][1],
            "rounds": [{
                "cpuMicroseconds": one.cpu_microseconds, "completed": one.completed, "seconds": one.seconds,
                "waitingShare": one.usage.waiting / max(one.usage.cpu, 1), "latencyMicroseconds": one.latencies,
            } for one in measured],
        }
    ratios = {name: _ratio(job, name, rounds[subject], rounds[name]) for name in names[1:]}
    return {"name": job.name, "title": job.title, "subject": subject, "proxies": proxies, "ratios": ratios}


def _ratio(job, name, ours, theirs):
    """Round by round, so that what slows both down for a while does not count; the median of these."""
    ratios = sorted(our.cpu_microseconds / their.cpu_microseconds for our, their in zip(ours, theirs))
    bar = job.bars.get(name)
    return {"median": median(ratios), "low": ratios[0], "high": ratios[-1], "bar": bar,
            "isMet": None if bar is None else median(ratios) <= bar}


_HEAD = ("job", "proxy", "CPU µs", "ratio", "(low–high)", "bar", "/s", "MiB")
_WIDTHS = (32, 11, 8, 6, 12, 8, 8, 6)


def header():
    return f"{_line(_HEAD)}\n{'-' * (sum(_WIDTHS) + len(_WIDTHS) - 1)}"


def table(result):
    """The lines of one job. `ratio`: the bridge's CPU time divided by this proxy's."""
    lines = []
    for name, proxy in result["proxies"].items():
        is_subject = name == result["subject"]
        ratio = result["ratios"].get(name)
        bar = "" if ratio is None or ratio["bar"] is None else f"≤ {ratio['bar']:.2f} {'✓' if ratio['isMet'] else '✗'}"
        lines.append(_line((
            result["title"] if is_subject else "", name, f"{proxy['cpuMicroseconds']:.1f}",
            "" if ratio is None else f"{ratio['median']:.2f}",
            "" if ratio is None else f"{ratio['low']:.2f}–{ratio['high']:.2f}",
            bar, f"{proxy['perSecond']:.0f}", f"{proxy['memoryMiB']:.1f}")))
    return "\n".join(lines)


def _line(cells):
    left, right = cells[:2], cells[2:]
    texts = [f"{cell:<{width}}" for cell, width in zip(left, _WIDTHS)]
    texts += [f"{cell:>{width}}" for cell, width in zip(right, _WIDTHS[2:])]
    return " ".join(texts).rstrip()
