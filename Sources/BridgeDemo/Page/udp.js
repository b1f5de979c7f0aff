// rtbridge: the playground's UDP exchange: telemetry datagrams over a WebSocket, one message a datagram.
// SPDX-License-Identifier: Apache-2.0

import { byId, closeText, milliseconds, showState, socketAddress } from "./dom.js";
import { setOpen, traffic } from "./flow.js";
import { Plot } from "./plot.js";

const PATH = "/udp?rtbridge-events=1";

/** The source forgets a subscriber after five minutes; it is told again long before. */
const RENEW_MS = 60_000;

/** Datagrams may be lost, a ping's answer too. */
const PING_TIMEOUT_MS = 2000;

/** A source that is silent for so long is asked whether it is there. */
const SILENCE_MS = 1000;

let session;

export function startUDP() {
  const plot = new Plot(byId("udp-plot"));
  byId("udp-start").addEventListener("click", () => {
    if (!session) session = new Session(plot);
  });
  byId("udp-stop").addEventListener("click", () => session?.stop());
  byId("udp-ping").addEventListener("click", () => session?.ping());
}

/** One WebSocket, which is one UDP socket of the bridge. */
class Session {
  #socket = new WebSocket(socketAddress(PATH));
  #counter = new SequenceCounter();
  #plot;
  #timers = [];
  #pinged;
  #lastHeard = performance.now();
  #isAway = false;

  constructor(plot) {
    this.#plot = plot;
    plot.start();
    this.#socket.binaryType = "arraybuffer";
    this.#socket.addEventListener("open", () => this.#opened());
    this.#socket.addEventListener("message", ({ data }) => this.#received(data));
    this.#socket.addEventListener("close", (event) => this.#closed(event));
    setPhase("connecting");
    showState(byId("udp-state"), "connecting", "busy");
  }

  stop() {
    this.#send("stop");
    this.#socket.close(1000, "stopped by the page");
  }

  ping() {
    if (this.#pinged !== undefined) return;
    const sent = performance.now();
    this.#pinged = sent;
    this.#send("ping");
    byId("udp-pong").textContent = "waiting";
    setTimeout(() => this.#pong(sent, "lost"), PING_TIMEOUT_MS);
  }

  #opened() {
    setPhase("open");
    showState(byId("udp-state"), "open", "good");
    this.#send("subscribe");
    this.#timers.push(setInterval(() => this.#send("subscribe"), RENEW_MS));
    this.#timers.push(setInterval(() => this.#showCounts(), 250));
    // UDP tells of a loss only by the answer to something sent.
    this.#timers.push(setInterval(() => {
      if (performance.now() - this.#lastHeard > SILENCE_MS) this.#send("ping");
    }, SILENCE_MS));
  }

  #send(text) {
    if (this.#socket.readyState !== WebSocket.OPEN) return;
    const bytes = new TextEncoder().encode(text);
    this.#socket.send(bytes);
    traffic("udp", "up", bytes.length);
  }

  #received(data) {
    // Datagrams are never text messages; the bridge's events are.
    if (typeof data === "string") return this.#showEvent(JSON.parse(data));
    const bytes = new Uint8Array(data);
    this.#lastHeard = performance.now();
    if (this.#isAway) this.#back();
    traffic("udp", "down", bytes.length);
    const text = new TextDecoder().decode(bytes);
    if (text.trim() === "pong") return this.#pong(this.#pinged, milliseconds(performance.now() - this.#pinged));
    const sample = readSample(text);
    if (!sample) return;
    this.#counter.take(sample.seq);
    this.#plot.add(sample);
    byId("udp-last").textContent = text;
  }

  #showEvent({ event, attempt }) {
    // A new socket is there at once; whether somebody listens shows when a datagram comes.
    if (event !== "reconnecting") return;
    this.#isAway = true;
    showState(byId("udp-state"), `reconnecting, attempt ${attempt}`, "busy");
  }

  #back() {
    this.#isAway = false;
    this.#counter.restart();
    showState(byId("udp-state"), "open", "good");
  }

  #pong(sent, text) {
    if (sent === undefined || sent !== this.#pinged) return;
    this.#pinged = undefined;
    byId("udp-pong").textContent = text;
  }

  #showCounts() {
    byId("udp-count").textContent = this.#counter.received;
    byId("udp-rate").textContent = `${this.#counter.rate()} /s`;
    byId("udp-lost").textContent = this.#counter.lost;
  }

  #closed(event) {
    this.#timers.forEach(clearInterval);
    this.#showCounts();
    this.#plot.stop();
    session = undefined;
    setPhase("closed");
    showState(byId("udp-state"), event.code === 1000 ? "stopped" : closeText(event), event.code === 1000 ? "idle" : "bad");
    byId("udp-rate").textContent = "0 /s";
  }
}

/** Counts what came and what the gaps in the sequence say is missing; one that comes late was not lost. */
class SequenceCounter {
  received = 0;
  lost = 0;
  #next;
  #recent = [];

  take(seq) {
    this.received += 1;
    this.#recent.push(performance.now());
    if (this.#next !== undefined) this.lost += seq >= this.#next ? seq - this.#next : -1;
    this.lost = Math.max(0, this.lost);
    this.#next = Math.max(this.#next ?? 0, seq + 1);
  }

  /** A new source counts from its own beginning. */
  restart() {
    this.#next = undefined;
  }

  /** Datagrams in the last second. */
  rate() {
    const since = performance.now() - 1000;
    this.#recent = this.#recent.filter((time) => time > since);
    return this.#recent.length;
  }
}

function readSample(text) {
  try {
    const sample = JSON.parse(text);
    return ["seq", "t", "value", "load"].every((key) => Number.isFinite(sample?.[key])) ? sample : undefined;
  } catch {
    return undefined;
  }
}

function setPhase(phase) {
  byId("udp-start").disabled = phase !== "closed";
  byId("udp-stop").disabled = phase !== "open";
  byId("udp-ping").disabled = phase !== "open";
  setOpen("udp", phase === "open");
}
