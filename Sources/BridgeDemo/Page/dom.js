// rtbridge: the few helpers for the page's elements, and how figures are written.
// SPDX-License-Identifier: Apache-2.0

/** The element with this id; the page's ids are fixed, so a missing one is a mistake of ours. */
export function byId(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`index.html has no element #${id}`);
  return element;
}

/** A new element with a class, and text or elements in it. */
export function element(tag, className = "", ...children) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  node.append(...children);
  return node;
}

/** A new SVG element with attributes. */
export function svgElement(tag, attributes = {}) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

/** 3.2 ms, 48 ms, 1.52 s: three digits are enough. */
export function milliseconds(value) {
  if (value >= 1000) return `${(value / 1000).toFixed(2)} s`;
  return value < 10 ? `${value.toFixed(1)} ms` : `${Math.round(value)} ms`;
}

/** 12 B, 3.4 KiB, 1.2 MiB. */
export function byteCount(value) {
  if (value < 1024) return `${value} B`;
  if (value < 1024 * 1024) return `${(value / 1024).toFixed(1)} KiB`;
  return `${(value / (1024 * 1024)).toFixed(1)} MiB`;
}

/** Writes a gRPC status into a status element: its code and name as text, good or bad as data-state. */
export function showStatus(target, status) {
  target.textContent = `${status.code} ${status.name}`;
  target.dataset.state = status.code === 0 ? "good" : "bad";
}

/** Writes plain text and a state (idle, busy, good, bad) into a status element. */
export function showState(target, text, state) {
  target.textContent = text;
  target.dataset.state = state;
}

/** Fills a two-column list with [name, value] pairs. */
export function showFields(target, fields, whenEmpty) {
  const rows = fields.map(([name, value]) =>
    element("div", "", element("dt", "", name), element("dd", "", value === "" ? "(empty)" : value)));
  target.replaceChildren(...(rows.length > 0 ? rows : [element("p", "none", whenEmpty)]));
}

/** A line of a close event: its code, what the code means (RFC 6455 §7.4.1), and the reason the peer gave. */
export function closeText(event) {
  const meanings = {
    1000: "normal", 1001: "going away", 1002: "protocol error", 1003: "wrong type of data", 1005: "no code given",
    1006: "lost without a close frame", 1007: "bad UTF-8", 1008: "policy", 1009: "too big", 1011: "bridge error",
    1012: "service restarts", 1013: "try again later", 1014: "bad back-end",
  };
  const meaning = meanings[event.code] ? ` (${meanings[event.code]})` : "";
  return `closed ${event.code}${meaning}${event.reason ? `: ${event.reason}` : ""}`;
}

/** The address of a WebSocket on the page's own origin. */
export function socketAddress(path) {
  return `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${path}`;
}
