# rtbridge: what the admin listener says, read as a Prometheus server and a person would.
# SPDX-License-Identifier: Apache-2.0
import json

from prometheus_client.parser import text_string_to_metric_families

from support.http1 import exchange
from support.waiting import wait_until


def metrics(bridge):
    """The families by name, as Prometheus's own parser for Python reads them."""
    reply = exchange(bridge.address("admin"), "GET", "/metrics")
    assert reply.status == 200, reply.body
    assert reply.header("content-type") == "text/plain; version=0.0.4; charset=utf-8"
    return {family.name: family for family in text_string_to_metric_families(bytes(reply.body).decode())}


def value(bridge, name, **labels):
    """The value of one sample; 0 where there is none."""
    family = metrics(bridge).get(name.removesuffix("_total"))
    found = [sample.value for sample in family.samples if sample.name == name and sample.labels == labels] if family else []
    assert len(found) <= 1, f"{name} {labels} stands there {len(found)} times"
    return found[0] if found else 0


def wait_value(bridge, expected, name, **labels):
    wait_until(f"{name} {labels} to be {expected}", lambda: value(bridge, name, **labels) == expected)


def failures(bridge):
    """The latest failures, the newest first."""
    reply = exchange(bridge.address("admin"), "GET", "/failures.json")
    assert reply.status == 200 and reply.header("content-type") == "application/json"
    return json.loads(reply.body)["failures"]
