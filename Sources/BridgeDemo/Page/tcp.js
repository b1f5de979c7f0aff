// rtbridge: the playground's TCP session: a line chat over a WebSocket.
// SPDX-License-Identifier: Apache-2.0
//
// Binary messages are a byte stream in both directions: their boundaries mean nothing, so lines are cut here, and UTF-8
// is decoded as a stream, because a message may end inside a character.

import { byId, byteCount, closeText, element, showState, socketAddress } from "./dom.js";
import { setOpen, traffic } from "./flow.js";

const PATH = "/tcp?rtbridge-events=1";
const SUBPROTOCOL = "binary";

/** Lines that stay in the log, and characters of one line. */
const MAXIMUM_LINES = 300;
const MAXIMUM_LINE = 4096;

let socket;

export function startTCP() {
  byId("tcp-connect").addEventListener("click", connect);
  byId("tcp-disconnect").addEventListener("click", () => socket?.close(1000, "closed by the page"));
  byId("tcp-form").addEventListener("submit", (event) => {
    event.preventDefault();
    sendLine();
  });
}

function connect() {
  const opened = new WebSocket(socketAddress(PATH), [SUBPROTOCOL]);
  const lines = new LineReader();
  const start = performance.now();
  opened.binaryType = "arraybuffer";
  socket = opened;
  setPhase("connecting");
  showState(byId("tcp-state"), "connecting", "busy");
  opened.addEventListener("open", () => {
    setPhase("open");
    showState(byId("tcp-state"), "open", "good");
    addLine("note", `open after ${Math.round(performance.now() - start)} ms, subprotocol ${opened.protocol || "none"}`);
    byId("tcp-input").focus({ preventScroll: true });
  });
  opened.addEventListener("message", ({ data }) => {
    if (typeof data === "string") return showEvent(JSON.parse(data), lines);
    traffic("tcp", "down", data.byteLength);
    for (const line of lines.push(data)) addLine("in", line);
  });
  opened.addEventListener("close", (event) => {
    const rest = lines.rest();
    if (rest) addLine("in", rest);
    addLine("note", closeText(event));
    setPhase("closed");
    showState(byId("tcp-state"), closeText(event), event.code === 1000 ? "idle" : "bad");
  });
}

/** What the bridge tells of the back-end's connection; bytes of the back-end are never text messages. */
function showEvent({ event, attempt, delayMs }, lines) {
  const isBack = event === "reconnected";
  // A new session begins with a new line.
  const rest = lines.rest();
  if (rest) addLine("in", rest);
  addLine("note", isBack ? "reconnected: a new session" : `back-end lost: attempt ${attempt} in ${delayMs} ms`);
  showState(byId("tcp-state"), isBack ? "open" : `reconnecting, attempt ${attempt}`, isBack ? "good" : "busy");
}

/** What one sends comes back as a line of the chat, so it is not echoed here. */
function sendLine() {
  const input = byId("tcp-input");
  if (socket?.readyState !== WebSocket.OPEN) return;
  const bytes = new TextEncoder().encode(`${input.value}\n`);
  socket.send(bytes);
  traffic("tcp", "up", bytes.length);
  addLine("out", input.value, byteCount(bytes.length));
  input.value = "";
}

function setPhase(phase) {
  byId("tcp-connect").disabled = phase !== "closed";
  byId("tcp-disconnect").disabled = phase === "closed";
  byId("tcp-send").disabled = phase !== "open";
  setOpen("tcp", phase === "open");
}

function addLine(kind, text, detail = "") {
  const log = byId("tcp-log");
  const mark = { in: "←", out: "→", note: "·" }[kind];
  log.append(element("li", kind, element("span", "mark", mark), element("span", "text", text), element("span", "gap", detail)));
  while (log.children.length > MAXIMUM_LINES) log.firstChild.remove();
  log.scrollTop = log.scrollHeight;
}

/** Cuts a byte stream into lines. */
class LineReader {
  #decoder = new TextDecoder();
  #held = "";

  /** The lines that are whole now; one that grows too long is cut. */
  push(data) {
    const lines = (this.#held + this.#decoder.decode(data, { stream: true })).split("\n");
    this.#held = lines.pop();
    if (this.#held.length > MAXIMUM_LINE) lines.push(this.rest());
    return lines.map((line) => line.replace(/\r$/, ""));
  }

  /** What stands after the last line feed. */
  rest() {
    const rest = this.#held;
    this.#held = "";
    return rest;
  }
}
