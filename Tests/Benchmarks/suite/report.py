# rtbridge: what came out, as a table and as JSON.
# SPDX-License-Identifier: Apache-2.0
from statistics import median

from suite.measured import FULL
from suite.spread import quartiles


def summarise(rounds, allocations, can_scale):
    """What the rounds of a job (rounds.py) came to."""
    job, subject = rounds.job, rounds.subject
    proxies = {name: _proxy(measured, rounds.memories.get(name)) for name, measured in rounds.measured.items()}
    proxies[subject]["allocations"] = allocations
    ratios = {name: _ratio(job.bars.get(name), ratios) for name, ratios in rounds.ratios.items()}
    note = None
    if job.rate_bar:
        note = _scaling(rounds, proxies, ratios, can_scale or job.load_is_light)
    elif job.group == "scale":
        note = _rest(rounds.measured)
    value = proxies[subject]["value"]
    return {"name": job.name, "title": job.title, "against": job.against, "unit": job.unit, "subject": subject, "limit": job.limit,
            "isLimitMet": None if job.limit is None else value <= job.limit, "rounds": rounds.count,
            "discarded": rounds.discarded, "proxies": proxies, "ratios": ratios, "note": note}


def _proxy(measured, memory):
    latencies = {name: median(one.latencies[name] for one in measured) for name in measured[0].latencies}
    shares = {name: median(one.shares[name] for one in measured) for name in measured[0].shares}
    return {
        "value": median(one.value for one in measured),
        "perSecond": median(one.rate for one in measured) if shares else None,
        "latencyMicroseconds": latencies, "coreShares": shares, "bottleneck": _bottleneck(shares), "residentMiB": memory,
        "isDisturbed": 2 * sum(one.is_disturbed for one in measured) > len(measured),
        "measurements": [{
            "value": one.value, "completed": one.completed, "seconds": one.seconds, "latencyMicroseconds": one.latencies,
            "waitingShare": one.waiting_share, "stolenShare": one.stolen_share, "coreShares": one.shares, **one.extra,
        } for one in measured],
    }


def _bottleneck(shares):
    """Load and back-end share a core. Where neither core is full, round trips are what takes the time."""
    if not shares:
        return None
    if shares["proxy"] >= FULL:
        return "proxy"
    return "load" if shares["load"] + shares["backend"] >= FULL else "none"


def _ratio(bar, ratios):
    """Round by round, so that what slows both down for a while does not count; the median of these."""
    low, middle, high = quartiles(ratios)
    return {"median": middle, "lowerQuartile": low, "upperQuartile": high, "low": min(ratios), "high": max(ratios),
            "rounds": ratios, "bar": bar, "isMet": None if bar is None else middle <= bar}


def _scaling(rounds, proxies, ratios, can_scale):
    """What can be said of the throughput of twice as many workers."""
    ours, bar = proxies[rounds.subject], rounds.job.rate_bar
    if not can_scale:
        return "Both share one core here: this shows what a second worker costs. What it brings takes four cores to see."
    has_room = ours["bottleneck"] != "load"
    room = "" if has_room else " The load had no room for more, so this says little."
    for name, one in ratios.items():
        low, ratio, high = quartiles(rounds.rates[name])
        one["rate"] = {"median": ratio, "lowerQuartile": low, "upperQuartile": high, "rounds": rounds.rates[name], "bar": bar,
                       "isMet": ratio >= bar if has_room else None}
        return f"Throughput × {ratio:.2f} ({low:.2f}–{high:.2f}) of {name}, to be at least {bar}.{room}"


def _rest(rounds):
    """What a memory job saw besides."""
    parts = []
    for name, measured in rounds.items():
        seen = measured[-1].extra
        if "restCPUShare" in seen:
            pings = f" and {seen['pings']} pings answered" if "pings" in seen else ""
            spread = f"; in {seen['processes']} processes, for ulimit -Hn" if seen["processes"] > 1 else ""
            parts.append(f"{name}: {seen['few']:,} → {seen['many']:,}: {seen['fewMiB']:.0f} → {seen['manyMiB']:.0f} MiB; then "
                         f"{100 * seen['restCPUShare']:.1f} % of a core in {seen['restSeconds']} s at rest{pings}{spread}")
        elif "slowBytesSent" in seen:
            parts.append(f"the slow one sent {seen['slowBytesSent'] / 1024:.0f} KiB until nobody took any more")
    return "\n  ".join(parts) or None


_COLUMNS = (("job", 44), ("proxy", 12), ("figure", 9), ("ratio", 6), ("quartiles", 10), ("n", 3), ("bar", 8), ("/s", 9),
            ("cores %", 12), ("p50", 7), ("p99", 7), ("p99.9", 7), ("MiB", 6), ("allocs", 6))


def header():
    line = _line([name for name, _ in _COLUMNS])
    return f"{line}\n{'-' * (sum(width for _, width in _COLUMNS) + len(_COLUMNS) - 1)}"


def table(result):
    """The lines of one job."""
    lines = [_line(_cells(result, name, proxy)) for name, proxy in result["proxies"].items()]
    return "\n".join(lines + ([f"  {result['note']}"] if result["note"] else []))


def _cells(result, name, proxy):
    is_subject = name == result["subject"]
    ratio = result["ratios"].get(name)
    bar = "" if ratio is None else _bar(ratio["bar"], ratio["isMet"])
    if is_subject:
        bar = _bar(result["limit"], result["isLimitMet"])
    shares, rate = proxy["coreShares"], proxy["perSecond"]
    times = proxy["latencyMicroseconds"]
    allocations = proxy.get("allocations")
    return (
        f"{result['title']}, {result['unit']}" if is_subject else "", name,
        _short(proxy["value"]) + ("~" if proxy["isDisturbed"] else ""),
        "" if ratio is None else f"{ratio['median']:.2f}", "" if ratio is None else f"{ratio['lowerQuartile']:.2f}–{ratio['upperQuartile']:.2f}",
        "" if ratio is None else str(len(ratio["rounds"])), bar, "" if rate is None else f"{rate:.0f}{'*' if proxy['bottleneck'] == 'load' else ''}",
        "+".join(f"{100 * share:.0f}" for share in shares.values()),
        *(_short(times[name]) if name in times else "" for name in ("p50", "p99", "p999")),
        "" if proxy["residentMiB"] is None else f"{proxy['residentMiB']:.1f}",
        "" if allocations is None else _short(allocations["allocations"]))


def _bar(bar, is_met):
    return "" if bar is None else f"≤ {bar:.3g} {'✓' if is_met else '✗'}"


def _short(value):
    return f"{value:.0f}" if value >= 1000 else f"{value:.1f}"


def _line(cells):
    texts = [f"{cell:<{width}}" if index < 2 else f"{cell:>{width}}"
             for index, (cell, (_, width)) in enumerate(zip(cells, _COLUMNS))]
    return " ".join(texts).rstrip()


LEGEND = """
figure: the proxy's CPU time (user and system, all threads) for a request, message or handshake, or what the job names: the
median of all its measurements; ~ after it: something else ran on the proxy's core, so do not believe it.
ratio: the bridge's figure divided by this proxy's. Each of n rounds measures the bridge before and after the other proxy and
divides the mean of the two; shown is the median of the n ratios, and the quartiles, between which half of them lie.
bar: what the ratio, or in the bridge's row the figure, must not exceed. cores %: how busy the proxy had its core, and the load
and the back-end theirs; * after a rate: load and back-end were the bottleneck, so the rate says nothing of the proxy.
p50…: µs, as the load saw them. MiB: resident memory after the job's first round. allocs: allocations for each, in a run of
its own."""


def verdict(results):
    """How many bars are met, and which are not."""
    bars = [(f"{result['title']} / {name}", ratio["median"], ratio["bar"], ratio["isMet"])
            for result in results for name, ratio in result["ratios"].items() if ratio["bar"] is not None]
    bars += [(f"{result['title']}, {result['unit']}", result["proxies"][result["subject"]]["value"], result["limit"],
              result["isLimitMet"]) for result in results if result["limit"] is not None]
    bars += [(f"{result['title']} / {name}, throughput", ratio["rate"]["median"], ratio["rate"]["bar"], ratio["rate"]["isMet"])
             for result in results for name, ratio in result["ratios"].items() if ratio.get("rate", {}).get("isMet") is not None]
    lines = [f"{sum(is_met for *_, is_met in bars)} of {len(bars)} bars are met."]
    lines += [f"  ✗ {what}: {value:.3g}, bar {bar:.3g}" for what, value, bar, is_met in bars if not is_met]
    return "\n".join(lines)
