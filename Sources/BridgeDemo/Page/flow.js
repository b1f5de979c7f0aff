// rtbridge: the drawing of the flow: lanes light up, and dots travel along them, when bytes pass.
// SPDX-License-Identifier: Apache-2.0
//
// index.html has the drawing twice, lying for wide windows and standing for narrow ones; style.css shows one of them.
// Lanes carry data-lane="grpc", "tcp" or "udp"; both drawings are kept up to date.

import { byId, byteCount, svgElement } from "./dom.js";

/** How long a lane stays lit after its last byte, and how long a dot travels. */
const LIT_MS = 500;
const TRAVEL_MS = 620;

/** A lane takes a new dot at most this often in each direction, so that 20 datagrams a second stay readable. */
const DOT_INTERVAL_MS = 90;

const ARROWS = { up: "↑", down: "↓" };

const reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");
const lanes = new Map(["grpc", "tcp", "udp"].map((name) => [name, {}]));
const dots = new Set();

for (const [name, lane] of lanes) {
  lane.totals = { up: 0, down: 0 };
  lane.lastDot = { up: 0, down: 0 };
  lane.groups = document.querySelectorAll(`.flow [data-lane="${name}"]`);
  lane.paths = document.querySelectorAll(`.flow [data-lane="${name}"] path.lane`);
  lane.counters = document.querySelectorAll(`.flow [data-total="${name}"]`);
}

/** Bytes went up (to the back-end) or down (to the browser) on a lane. */
export function traffic(name, direction, bytes) {
  if (bytes === 0) return;
  const lane = lanes.get(name);
  lane.totals[direction] += bytes;
  for (const counter of lane.counters) {
    if (counter.dataset.direction === direction) counter.textContent = `${ARROWS[direction]} ${byteCount(lane.totals[direction])}`;
  }
  for (const group of lane.groups) group.classList.add("lit");
  clearTimeout(lane.litTimer);
  lane.litTimer = setTimeout(() => lane.groups.forEach((group) => group.classList.remove("lit")), LIT_MS);
  if (!reducedMotion.matches) sendDot(lane, direction);
}

/** Whether a session or stream is open on a lane: it is drawn solid as long as it is. */
export function setOpen(name, isOpen) {
  for (const group of lanes.get(name).groups) group.classList.toggle("open", isOpen);
}

/** Says above the encrypted stretch what the browser negotiated with the bridge. */
export function showTransport() {
  const protocol = performance.getEntriesByType("navigation")[0]?.nextHopProtocol ?? "";
  const version = { h2: "HTTP/2", "http/1.1": "HTTP/1.1", h3: "HTTP/3" }[protocol] ?? protocol;
  const isEncrypted = location.protocol === "https:";
  const label = [isEncrypted ? "TLS" : "no TLS", version].filter(Boolean).join(" · ");
  for (const text of document.querySelectorAll(".flow [data-transport]")) text.textContent = label;
  for (const tube of document.querySelectorAll(".flow .tube")) tube.classList.toggle("clear", !isEncrypted);
  byId("flow-transport").textContent = isEncrypted ? `over TLS, ${version}` : `without TLS, ${version}`;
}

function sendDot(lane, direction) {
  const now = performance.now();
  if (document.hidden || now - lane.lastDot[direction] < DOT_INTERVAL_MS) return;
  lane.lastDot[direction] = now;
  for (const path of lane.paths) {
    if (path.getClientRects().length === 0) continue;  // the drawing that is not shown
    const circle = svgElement("circle", { r: 4, class: "dot" });
    path.parentNode.append(circle);
    dots.add({ circle, path, direction, start: now, length: path.getTotalLength() });
  }
  if (dots.size > 0 && !moving) moving = requestAnimationFrame(moveDots);
}

let moving = 0;

function moveDots(now) {
  for (const dot of dots) {
    const passed = Math.max(0, (now - dot.start) / TRAVEL_MS);
    if (passed >= 1) {
      dot.circle.remove();
      dots.delete(dot);
      continue;
    }
    const eased = passed < 0.5 ? 2 * passed * passed : 1 - 2 * (1 - passed) ** 2;
    const point = dot.path.getPointAtLength(dot.length * (dot.direction === "up" ? eased : 1 - eased));
    dot.circle.setAttribute("cx", point.x);
    dot.circle.setAttribute("cy", point.y);
  }
  moving = dots.size > 0 ? requestAnimationFrame(moveDots) : 0;
}
