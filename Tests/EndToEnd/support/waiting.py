# rtbridge: waiting for something with a deadline, never for a time.
# SPDX-License-Identifier: Apache-2.0
import os
import time

# A slow machine sets RTBRIDGE_PATIENCE=3: every bound below grows with it.
PATIENCE = float(os.environ.get("RTBRIDGE_PATIENCE", "1"))

# How long something may take that is bound to happen. Reached only by a failure.
DEADLINE = 30 * PATIENCE

# "At once" for a person: what follows directly from an event that the bridge saw.
PROMPT = 1 * PATIENCE


def wait_until(what, condition, deadline=DEADLINE):
    """Polls `condition` until it is true and returns its value; fails with `what` at the deadline."""
    end = time.monotonic() + deadline
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {deadline:.0f} s in vain for {what}")
        time.sleep(0.01)


def wait_still(what, measure, unchanged=0.7 * PATIENCE, deadline=DEADLINE):
    """Polls `measure` until its value has not changed for `unchanged` seconds, and returns it.

    For what is to stand still because of back-pressure. On a slow machine it may be taken for still too early, which
    lets a test pass, never fail.
    """
    start = changed = time.monotonic()
    value = measure()
    while time.monotonic() - changed < unchanged:
        if time.monotonic() - start > deadline:
            raise AssertionError(f"waited {deadline:.0f} s in vain for {what} to stand still; it is at {value}")
        time.sleep(0.01)
        if (now := measure()) != value:
            value, changed = now, time.monotonic()
    return value
