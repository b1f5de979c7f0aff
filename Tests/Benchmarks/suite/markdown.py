# rtbridge: the figures of a run as a table for the README.
# SPDX-License-Identifier: Apache-2.0
import re

_NAMES = {"envoy": "Envoy", "nginx": "nginx", "haproxy": "HAProxy", "nghttpx": "nghttpx", "websockify": "websockify"}
# Shown together: a job has the one that speaks its protocol.
_FLOORS = ("floor", "floor-tcp")


def table(document):
    """All jobs of the JSON of compare.py, a line each."""
    peers = [name for name in _NAMES if any(name in job["proxies"] for job in document["jobs"])]
    heads = ["job", "rtbridge", *(f"{_NAMES[name]} {_version(document['peers'].get(name, ''))}".strip() for name in peers),
             "bare epoll", "ourselves", "bars"]
    lines = [_line(heads), "|---" * len(heads) + "|"]
    lines += [_line(_cells(job, peers)) for job in document["jobs"]]
    return "\n".join(lines)


def provenance(document):
    """Where and how the run was made, as a sentence."""
    machine, jobs = document["machine"], document["jobs"]
    rounds = sorted({len(ratio["rounds"]) for job in jobs if job["unit"] == "µs" for ratio in job["ratios"].values()})
    span = f"{rounds[0]} to {rounds[-1]}" if len(rounds) > 1 else str(rounds[0])
    return (f"{machine['cores']} cores of {machine['processor']}, Linux {machine['kernel'].split('-')[0]}; "
            f"{span} rounds of {document['seconds']:g} s a measurement, {document['took'] / 60:.0f} minutes in all.")


def verdict(document):
    met = [one for job in document["jobs"] for one in _bars(job)]
    missed = [job["title"] for job in document["jobs"] if not all(is_met for _, _, is_met in _bars(job))]
    text = f"{sum(is_met for *_, is_met in met)} of {len(met)} bars are met"
    return f"{text}; the others are of {'; '.join(missed)}." if missed else f"{text}."


def _cells(job, peers):
    subject = job["subject"]
    others = [name for name in job["ratios"] if name not in _NAMES and name not in _FLOORS]
    floors = [name for name in _FLOORS if name in job["ratios"]][:1]
    bars = [f"{name} {bar} {'✓' if is_met else '✗'}".strip() for name, bar, is_met in _bars(job)]
    unit = "" if job["unit"] == "µs" else f", {job['unit']}"
    return [job["title"] + unit, _figure(job["proxies"][subject]["value"]), *(_beside(job, name) for name in peers),
            *([_beside(job, name) for name in floors] or [""]),
            ", ".join(f"{name}: {_beside(job, name)}" for name in others), ", ".join(bars)]


def _bars(job):
    bars = [(_NAMES.get(name, name), f"≤ {ratio['bar']:.3g}", ratio["isMet"]) for name, ratio in job["ratios"].items()
            if ratio["bar"] is not None]
    bars += [(f"throughput beside {name}", f"≥ {ratio['rate']['bar']:.3g}", ratio["rate"]["isMet"])
             for name, ratio in job["ratios"].items() if ratio.get("rate", {}).get("isMet") is not None]
    return bars + ([("", f"≤ {job['limit']:.3g} {job['unit']}", job["isLimitMet"])] if job["limit"] is not None else [])


def _beside(job, name):
    if name not in job["ratios"]:
        return ""
    return f"{_figure(job['proxies'][name]['value'])} ({job['ratios'][name]['ratio']:.2f})"


def _figure(value):
    return f"{value:.0f}" if value >= 200 else f"{value:.1f}"


def _line(cells):
    return f"| {' | '.join(cells)} |".replace("|  |", "| |").replace("|  |", "| |")


def _version(text):
    match = re.search(r"\b(\d+\.\d+)\.\d+", text)
    return match[1] if match else ""
