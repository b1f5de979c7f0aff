# rtbridge: how far apart the ratios of several rounds are.
# SPDX-License-Identifier: Apache-2.0
import math
from statistics import median, quantiles


def quartiles(values):
    return quantiles(values, n=4, method="inclusive") if len(values) > 1 else [values[0]] * 3


def uncertainty(ratios):
    """How far their median may be from that of endlessly many rounds, as a share of it: about one standard error. Half of the
    rounds lie within the quartiles, whatever a few outliers do."""
    low, _, high = quartiles(ratios)
    return (high - low) / median(ratios) / math.sqrt(len(ratios))
