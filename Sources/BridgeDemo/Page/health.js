// rtbridge: the badge that says whether the bridge is ready.
// SPDX-License-Identifier: Apache-2.0

import { byId, showState } from "./dom.js";

const PATH = "/readyz";
const INTERVAL_MS = 5000;
const TIMEOUT_MS = 4000;

let timer;

/** Asks every five seconds as long as somebody can see the answer. */
export function startHealth() {
  document.addEventListener("visibilitychange", schedule);
  schedule();
}

function schedule() {
  clearInterval(timer);
  if (document.hidden) return;
  timer = setInterval(ask, INTERVAL_MS);
  ask();
}

async function ask() {
  const abort = new AbortController();
  const limit = setTimeout(() => abort.abort(), TIMEOUT_MS);
  try {
    const response = await fetch(PATH, { headers: { accept: "application/json" }, cache: "no-store", signal: abort.signal });
    const text = await response.text();
    showState(byId("health-badge"), response.ok ? "ready" : `not ready (${response.status})`, response.ok ? "good" : "bad");
    byId("health-detail").textContent = `GET ${PATH}: HTTP ${response.status}\n${pretty(text)}`;
  } catch (error) {
    showState(byId("health-badge"), "unreachable", "bad");
    byId("health-detail").textContent = `GET ${PATH}: ${error.message}`;
  } finally {
    clearTimeout(limit);
  }
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
