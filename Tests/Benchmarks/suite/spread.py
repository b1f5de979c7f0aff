# rtbridge: what many measurements on a machine with other tenants come to, and how sure that is.
# SPDX-License-Identifier: Apache-2.0
import math
import random
from statistics import fmean, stdev

_RESAMPLES = 100


def undisturbed(values):
    """The mean of the fastest quarter. What disturbs a measurement only ever adds to it: others on the same machine, with whom it
    shares caches and memory, add up to a half for seconds or for minutes, and more to one proxy than to another."""
    return fmean(sorted(values)[:math.ceil(len(values) / 4)])


def ratio(rounds):
    """Ours by theirs. `rounds`: of each, ours before, theirs, ours after."""
    return undisturbed([value for before, _, after in rounds for value in (before, after)]) / undisturbed(
        [their for _, their, _ in rounds])


def uncertainty(rounds):
    """How far the ratio may be from that of endlessly many rounds, as a share of it: its standard error, by the bootstrap (as
    many rounds drawn from these, again and again)."""
    if len(rounds) < 2:
        return 0.0
    draw = random.Random(1).choices
    return stdev(math.log(ratio(draw(rounds, k=len(rounds)))) for _ in range(_RESAMPLES))
