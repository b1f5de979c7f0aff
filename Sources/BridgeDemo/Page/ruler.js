// rtbridge: a time ruler: when each message of a stream came, and where its deadline lies.
// SPDX-License-Identifier: Apache-2.0

import { svgElement } from "./dom.js";

/** Draws into an <svg> in percent of its width, so that it follows any window. */
export class Ruler {
  #svg;
  #spanMs;

  /** @param {SVGElement} svg @param {{ spanMs: number, stepMs: number, label: (ms: number) => string }} scale */
  constructor(svg, { spanMs, stepMs, label }) {
    this.#svg = svg;
    this.#spanMs = spanMs;
    this.#add("line", { x1: "2%", x2: "98%", y1: 20, y2: 20, class: "axis" });
    for (let ms = 0; ms <= spanMs; ms += stepMs) {
      const x = this.#x(ms);
      this.#add("line", { x1: x, x2: x, y1: 20, y2: 25, class: "axis" });
      this.#add("text", { x, y: 39, class: "tick" }).textContent = label(ms);
    }
  }

  /** A vertical line that stays, such as a deadline. */
  addLimit(ms, label) {
    this.#add("line", { x1: this.#x(ms), x2: this.#x(ms), y1: 4, y2: 27, class: "limit" });
    this.#add("text", { x: this.#x(ms), y: 9, dx: 6, class: "limit-label" }).textContent = label;
  }

  /** A message. */
  addMessage(ms) {
    this.#add("circle", { cx: this.#x(ms), cy: 20, r: 5, class: "message run" });
  }

  /** The end of the call. */
  addEnd(ms, isGood) {
    this.#add("rect", { x: this.#x(ms), y: 12, width: 3, height: 16, rx: 1.5, class: `end run ${isGood ? "good" : "bad"}` });
  }

  /** Takes the marks of the last call away. */
  clear() {
    for (const mark of this.#svg.querySelectorAll(".run")) mark.remove();
  }

  #x(ms) {
    return `${2 + 96 * Math.min(1, ms / this.#spanMs)}%`;
  }

  #add(tag, attributes) {
    const mark = svgElement(tag, attributes);
    this.#svg.append(mark);
    return mark;
  }
}
