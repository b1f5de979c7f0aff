# rtbridge: what came out, as a table and as JSON.
# SPDX-License-Identifier: Apache-2.0
from statistics import median

from suite.measured import FULL
from suite.spread import ratio, uncertainty, undisturbed


def summarise(rounds, allocations, can_scale):
    """What the rounds of a job (rounds.py) came to."""
    job, subject = rounds.job, rounds.subject
    proxies = {name: _proxy(job, measured, rounds.memories.get(name)) for name, measured in rounds.measured.items()}
    proxies[subject]["allocations"] = allocations
    can_scale = can_scale or job.load_is_light
    # The bar of workers is of such as have a core each: of those that share one most of the ratio is the kernel's switching.
    bars = job.bars if can_scale or job.against != "workers" else {}
    ratios = {name: _ratio(job, bars.get(name), figures) for name, figures in rounds.figures.items()}
    note = None
    if job.rate_bar:
        note = _scaling(rounds, proxies, ratios, can_scale)
    elif job.group == "scale":
        note = _rest(rounds.measured)
    value = proxies[subject]["value"]
    return {"name": job.name, "title": job.title, "against": job.against, "unit": job.unit, "subject": subject, "limit": job.limit,
            "isLimitMet": None if job.limit is None else value <= job.limit, "rounds": rounds.count,
            "discarded": rounds.discarded, "proxies": proxies, "ratios": ratios, "note": note}


def _proxy(job, measured, memory):
    values = [one.value for one in measured]
    latencies = {name: median(one.latencies[name] for one in measured) for name in measured[0].latencies}
    shares = {name: median(one.shares[name] for one in measured) for name in measured[0].shares}
    return {
        "value": undisturbed(values) if job.is_timed else median(values),
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


def _ratio(job, bar, figures):
    singly = [(before + after) / 2 / their for before, their, after in figures]
    value = ratio(figures) if job.is_timed else median(singly)
    return {"ratio": value, "uncertainty": uncertainty(figures), "rounds": singly, "bar": bar,
            "isMet": None if bar is None else value <= bar}


def _scaling(rounds, proxies, ratios, can_scale):
    """What can be said of the throughput of twice as many workers."""
    ours, bar = proxies[rounds.subject], rounds.job.rate_bar
    if not can_scale:
        return "Both share one core here: most of the ratio is the switching between them. The bars are of workers that have a core each."
    has_room = ours["bottleneck"] != "load"
    room = "" if has_room else " The load had no room for more, so this says little."
    for name, one in ratios.items():
        value = 1 / ratio(rounds.times[name])
        one["rate"] = {"ratio": value, "uncertainty": uncertainty(rounds.times[name]), "bar": bar,
                       "isMet": value >= bar if has_room else None}
        return f"Throughput × {value:.2f} of {name}, to be at least {bar}.{room}"


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


_COLUMNS = (("job", 44), ("proxy", 12), ("figure", 9), ("ratio", 6), ("± %", 5), ("n", 3), ("bar", 8), ("/s", 9),
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
    beside = result["ratios"].get(name)
    bar = "" if beside is None else _bar(beside["bar"], beside["isMet"])
    if is_subject:
        bar = _bar(result["limit"], result["isLimitMet"])
    shares, rate = proxy["coreShares"], proxy["perSecond"]
    times = proxy["latencyMicroseconds"]
    allocations = proxy.get("allocations")
    return (
        f"{result['title']}, {result['unit']}" if is_subject else "", name,
        _short(proxy["value"]) + ("~" if proxy["isDisturbed"] else ""),
        *(("", "", "") if beside is None else (
            f"{beside['ratio']:.2f}", f"{100 * beside['uncertainty']:.1f}", str(len(beside["rounds"])))), bar, "" if rate is None else f"{rate:.0f}{'*' if proxy['bottleneck'] == 'load' else ''}",
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
mean of the fastest quarter of its measurements, since what disturbs one only ever adds; of memory the median. ~ after it: something
else ran on the proxy's core, so do not believe it.
ratio: the bridge's figure divided by this proxy's, of n rounds which measure the bridge before and after the other proxy; ±:
its standard error.
bar: what the ratio, or in the bridge's row the figure, must not exceed. cores %: how busy the proxy had its core, and the load
and the back-end theirs; * after a rate: load and back-end were the bottleneck, so the rate says nothing of the proxy.
p50…: µs, as the load saw them. MiB: resident memory after the job's first round. allocs: allocations for each, in a run of
its own."""


def verdict(results):
    """How many bars are met, and which are not."""
    bars = [(f"{result['title']} / {name}", one["ratio"], one["bar"], one["isMet"])
            for result in results for name, one in result["ratios"].items() if one["bar"] is not None]
    bars += [(f"{result['title']}, {result['unit']}", result["proxies"][result["subject"]]["value"], result["limit"],
              result["isLimitMet"]) for result in results if result["limit"] is not None]
    bars += [(f"{result['title']} / {name}, throughput", one["rate"]["ratio"], one["rate"]["bar"], one["rate"]["isMet"])
             for result in results for name, one in result["ratios"].items() if one.get("rate", {}).get("isMet") is not None]
    lines = [f"{sum(is_met for *_, is_met in bars)} of {len(bars)} bars are met."]
    lines += [f"  ✗ {what}: {value:.3g}, bar {bar:.3g}" for what, value, bar, is_met in bars if not is_met]
    return "\n".join(lines)
