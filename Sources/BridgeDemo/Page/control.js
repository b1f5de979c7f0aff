// rtbridge: the playground's switches: they stop a back-end and start it again, so that the loss can be watched.
// SPDX-License-Identifier: Apache-2.0

import { byId, socketAddress } from "./dom.js";

const PATH = "/control";
const RETRY_MS = 1000;

/** The buttons of each back-end, by the name that the control knows. */
const SWITCHES = {
  chat: { stop: byId("tcp-back-stop"), start: byId("tcp-back-start"), state: byId("tcp-back-state") },
  telemetry: { stop: byId("udp-back-stop"), start: byId("udp-back-start"), state: byId("udp-back-state") },
};

let socket;

export function startControl() {
  for (const [name, { stop, start }] of Object.entries(SWITCHES)) {
    stop.addEventListener("click", () => send(`${name} stop\n`));
    start.addEventListener("click", () => send(`${name} start\n`));
  }
  connect();
}

function send(line) {
  if (socket.readyState === WebSocket.OPEN) socket.send(new TextEncoder().encode(line));
}

function connect() {
  const decoder = new TextDecoder();
  let held = "";
  socket = new WebSocket(socketAddress(PATH));
  socket.binaryType = "arraybuffer";
  socket.addEventListener("message", ({ data }) => {
    const lines = (held + decoder.decode(data, { stream: true })).split("\n");
    held = lines.pop();
    lines.forEach(show);
  });
  socket.addEventListener("close", () => {
    for (const name of Object.keys(SWITCHES)) show(`${name} unknown`);
    setTimeout(connect, RETRY_MS);
  });
}

/** `chat running`, `chat stopped`. */
function show(line) {
  const [name, state] = line.split(" ");
  const one = SWITCHES[name];
  if (!one) return;
  one.stop.disabled = state !== "running";
  one.start.disabled = state !== "stopped";
  one.state.textContent = `back-end ${state}`;
  one.state.dataset.state = state === "running" ? "good" : "bad";
}
