// rtbridge: the playground's server stream, the call of a method that is not there, and the deadline.
// SPDX-License-Identifier: Apache-2.0

import { byId, element, milliseconds, showState, showStatus } from "./dom.js";
import { setOpen, traffic } from "./flow.js";
import { Call } from "./grpcweb.js";
import { decodeHelloReply, encodeHelloRequest } from "./proto.js";
import { Ruler } from "./ruler.js";

const STREAM_PATH = "/helloworld.Greeter/SayHelloStreamReply";
const MISSING_PATH = "/helloworld.Greeter/NoSuchMethod";
const DEADLINE_MS = 700;

const onBytes = (direction, bytes) => traffic("grpc", direction, bytes);

export function startStream() {
  const ruler = new Ruler(byId("stream-ruler"), { spanMs: 5000, stepMs: 1000, label: (ms) => `${ms / 1000} s` });
  let controller;
  byId("stream-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    if (controller) return;
    controller = new AbortController();
    await runStream(ruler, controller.signal);
    controller = undefined;
  });
  byId("stream-cancel").addEventListener("click", () => controller?.abort());
}

async function runStream(ruler, signal) {
  const list = byId("stream-list"), status = byId("stream-status");
  const start = performance.now();
  let count = 0, last = start;
  ruler.clear();
  list.replaceChildren();
  setRunning(true);
  showState(status, "open", "busy");
  byId("stream-detail").textContent = "waiting for the first message";
  const call = new Call(STREAM_PATH, encodeHelloRequest(byId("stream-name").value), { signal, onBytes });
  for await (const message of call.messages()) {
    const now = performance.now();
    count += 1;
    ruler.addMessage(now - start);
    list.append(element("li", "",
      element("span", "time", milliseconds(now - start)),
      element("span", "text", decodeHelloReply(message)),
      element("span", "gap", count > 1 ? `+${milliseconds(now - last)}` : "first")));
    list.scrollTop = list.scrollHeight;
    last = now;
    byId("stream-detail").textContent = countText(count);
  }
  ruler.addEnd(performance.now() - start, call.status.code === 0);
  showStatus(status, call.status);
  byId("stream-detail").textContent = `${countText(count)}, ended after ${milliseconds(performance.now() - start)}${reasonText(call.status)}`;
  setRunning(false);
}

function setRunning(isRunning) {
  byId("stream-start").disabled = isRunning;
  byId("stream-cancel").disabled = !isRunning;
  setOpen("grpc", isRunning);
}

export function startErrors() {
  byId("error-call").addEventListener("click", runMissing);
  const ruler = new Ruler(byId("deadline-ruler"), { spanMs: 1200, stepMs: 200, label: (ms) => `${ms}` });
  ruler.addLimit(DEADLINE_MS, `${DEADLINE_MS} ms`);
  byId("deadline-call").addEventListener("click", () => runDeadline(ruler));
}

async function runMissing() {
  const call = new Call(MISSING_PATH, encodeHelloRequest("world"), { onBytes });
  await runToStatus(call, "error");
}

async function runDeadline(ruler) {
  ruler.clear();
  const call = new Call(STREAM_PATH, encodeHelloRequest("world"), { onBytes, timeoutMs: DEADLINE_MS });
  const elapsed = await runToStatus(call, "deadline", (ms) => ruler.addMessage(ms));
  ruler.addEnd(elapsed, call.status.code === 0);
}

/** Runs a call and shows how it ended in the elements that begin with `prefix`. */
async function runToStatus(call, prefix, onMessage = () => {}) {
  const button = byId(`${prefix}-call`), status = byId(`${prefix}-status`);
  button.disabled = true;
  showState(status, "calling", "busy");
  const start = performance.now();
  let count = 0;
  for await (const _ of call.messages()) {
    count += 1;
    onMessage(performance.now() - start);
  }
  const elapsed = performance.now() - start;
  showStatus(status, call.status);
  byId(`${prefix}-message`).textContent = call.status.message || "(empty)";
  byId(`${prefix}-detail`).textContent = `from the ${call.status.source}, after ${milliseconds(elapsed)}, ${countText(count)}`;
  button.disabled = false;
  return elapsed;
}

function countText(count) {
  return count === 1 ? "1 message" : `${count} messages`;
}

function reasonText(status) {
  return status.message ? `: ${status.message}` : "";
}
