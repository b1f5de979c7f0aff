# rtbridge: gRPC calls outlive restarts of their back-end, and tell of their attempts.
# SPDX-License-Identifier: Apache-2.0
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from support.grpc_web import Endpoint, frame, name_message
from support.tcp import refused_port
from support.waiting import DEADLINE, wait_until

HELLO = "/helloworld.Greeter/SayHello"
CALLS, RESTARTS, KILLS = 10_000, 45, 5
RETRY = {
    "maxAttempts": 10, "initialBackoff": "20ms", "maxBackoff": "1s", "budgetPercent": 100,
    "retryableStatusCodes": ["UNAVAILABLE", "CANCELLED", "UNKNOWN", "INTERNAL"],
}


def backend(port, **more):
    return {"protocol": "grpc", "endpoints": [f"127.0.0.1:{port}"], "backoff": {"initial": "10ms", "max": "50ms"}, **more}


def test_ten_thousand_calls_across_fifty_restarts_all_succeed(start_bridge, make_config, start_backend, grpc_proto):
    """45 times the server is stopped with its calls and started again, 5 times its process is killed."""
    import helloworld_pb2
    import helloworld_pb2_grpc
    servers = [start_backend("named_greeter.py", "one", modules=grpc_proto)]
    port = servers[0].port
    bridge = start_bridge(make_config(
        [{"match": {"protocol": "grpc"}, "backend": "b", "retryPolicy": RETRY}], backends={"b": backend(port)}))
    done, failures, retries = [0], [], 0
    lock, is_over = threading.Lock(), threading.Event()
    request = helloworld_pb2.HelloRequest(name="x")

    def work(stub):
        while True:
            with lock:
                # The last restart has to be behind before the last call begins.
                if done[0] >= CALLS and is_over.is_set():
                    return
                done[0] += 1
            try:
                assert stub.SayHello(request, timeout=2 * DEADLINE).message == "one"
            except grpc.RpcError as error:
                failures.append(f"{error.code()}: {error.details()}")

    channels = [grpc.insecure_channel("%s:%d" % bridge.address("clear"), options=[("grpc.enable_retries", 0)])
                for _ in range(4)]
    with ThreadPoolExecutor(16) as pool:
        workers = [pool.submit(work, helloworld_pb2_grpc.GreeterStub(channels[number % 4])) for number in range(16)]
        try:
            for number in range(RESTARTS + KILLS):
                goal = (number + 1) * CALLS // (RESTARTS + KILLS + 1)
                wait_until(f"{goal} calls", lambda: done[0] >= goal or failures, 4 * DEADLINE)
                server = servers[-1]
                if number % 10 == 9:
                    server.kill()
                    servers.append(start_backend("named_greeter.py", "one", port, modules=grpc_proto))
                else:
                    before = len(server.lines)
                    server.signal(signal.SIGURG)
                    line = wait_until("the restart", lambda: [l for l in server.lines[before:] if l.startswith("RESTARTED")])
                    retries += int(line[0].split()[1])
        finally:
            is_over.set()
        for worker in workers:
            worker.result()
    for channel in channels:
        channel.close()
    servers[-1].stop()
    assert not failures, f"{len(failures)} of {done[0]} calls failed: {failures[:5]}"
    assert done[0] >= CALLS
    # Nothing of this is worth anything if no restart ever hit a call.
    assert retries > 0


def test_a_browsers_call_is_tried_again_too_and_its_failure_tells_the_attempts(start_bridge, make_config, certificates):
    held, port = refused_port()
    bridge = start_bridge(make_config(
        [{"name": "greeter", "match": {"protocol": "grpc-web"}, "backend": "b",
          "retryPolicy": {"maxAttempts": 3, "initialBackoff": "10ms"}}], backends={"b": backend(port)}))
    reply = Endpoint(bridge.address("tls"), certificates.context(), "http/2").call(HELLO, frame(name_message("x")))
    held.close()
    assert reply.status == 14
    assert f"route greeter: 127.0.0.1:{port}: connect: connection refused (attempt 3 of 3, " in reply.message


@pytest.mark.parametrize("timeouts, timeout, key", [
    ({"deadline": "100ms"}, None, "timeouts.deadline"), ({"maxDeadline": "100ms"}, 30, "timeouts.maxDeadline"),
    ({"maxDeadline": "1h"}, 0.1, "grpc-timeout"),
])
def test_a_deadline_that_passes_names_what_has_set_it(start_bridge, make_config, scripted, timeouts, timeout, key):
    bridge = start_bridge(make_config([
        {"match": {"protocol": "grpc-web"}, "backend": f"grpc://127.0.0.1:{scripted.port}", "timeouts": timeouts}]))
    scripted.script = lambda stream: stream.wait_reset()
    headers = [("grpc-timeout", f"{int(timeout * 1000)}m")] if timeout else []
    reply = Endpoint(bridge.address("clear"), None, "http/2").call(HELLO, frame(name_message("x")), headers=headers)
    assert reply.status == 4 and f"deadline has passed ({key})" in reply.message


@pytest.mark.parametrize("policy", [None, {"maxAttempts": 3, "initialBackoff": "1ms"}])
def test_a_refused_stream_is_tried_again_with_a_policy_or_without(start_bridge, make_config, scripted, modules, policy):
    import helloworld_pb2
    import helloworld_pb2_grpc
    route = {"match": {"protocol": "grpc"}, "backend": f"grpc://127.0.0.1:{scripted.port}"}
    bridge = start_bridge(make_config([{**route, "retryPolicy": policy}]))
    seen = []

    def script(stream):
        seen.append(stream.wait_end())
        if len(seen) == 1:
            return stream.send_reset(7)  # REFUSED_STREAM
        stream.send_headers([(":status", "200"), ("content-type", "application/grpc")])
        stream.send_data(frame(name_message("there")))
        stream.send_headers([("grpc-status", "0")], end=True)

    scripted.script = script
    with grpc.insecure_channel("%s:%d" % bridge.address("clear")) as channel:
        stub = helloworld_pb2_grpc.GreeterStub(channel)
        assert stub.SayHello(helloworld_pb2.HelloRequest(name="x"), timeout=DEADLINE).message == "there"
    assert seen == [frame(name_message("x"))] * 2
