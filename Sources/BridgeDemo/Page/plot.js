// rtbridge: a live plot of two series on a canvas.
// SPDX-License-Identifier: Apache-2.0

/** How much is seen at once. */
const WINDOW_MS = 20_000;

const MARGIN = { top: 12, right: 50, bottom: 28, left: 50 };
const VALUE = { low: -1, high: 1, ticks: [-1, -0.5, 0, 0.5, 1], label: (tick) => tick.toFixed(1).replace("-", "−") };
const LOAD = { low: 0, high: 100, ticks: [0, 25, 50, 75, 100], label: (tick) => `${tick} %` };

/** Draws samples { seq, t, value, load } against their own clock t, which runs on between two of them. */
export class Plot {
  #canvas;
  #context;
  #colours;
  #samples = [];
  #newestAt = 0;
  #frame = 0;

  constructor(canvas) {
    this.#canvas = canvas;
    this.#context = canvas.getContext("2d");
    this.#readColours();
    new ResizeObserver(() => this.#draw()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      this.#readColours();
      this.#draw();
    });
  }

  start() {
    this.#samples = [];
    this.#newestAt = performance.now();
    this.#frame ||= requestAnimationFrame(() => this.#tick());
  }

  stop() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    this.#draw();
  }

  add(sample) {
    const newest = this.#samples.at(-1);
    if (newest && sample.t <= newest.t) return;  // came late: counted, not drawn
    this.#samples.push(sample);
    this.#newestAt = performance.now();
    const oldest = sample.t - WINDOW_MS - 1000;
    while (this.#samples[0].t < oldest) this.#samples.shift();
  }

  #tick() {
    this.#draw();
    this.#frame = requestAnimationFrame(() => this.#tick());
  }

  #readColours() {
    const style = getComputedStyle(this.#canvas);
    const colour = (name) => style.getPropertyValue(name).trim();
    this.#colours = {
      value: colour("--udp"), load: colour("--series-2"), fill: colour("--series-2-fill"),
      rule: colour("--rule"), text: colour("--ink-3"), font: `12px ${style.fontFamily}`,
    };
  }

  #draw() {
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    if (width === 0) return;
    const scale = devicePixelRatio || 1;
    const [pixelWidth, pixelHeight] = [Math.round(width * scale), Math.round(height * scale)];
    if (this.#canvas.width !== pixelWidth) this.#canvas.width = pixelWidth;
    if (this.#canvas.height !== pixelHeight) this.#canvas.height = pixelHeight;
    const area = { left: MARGIN.left, right: width - MARGIN.right, top: MARGIN.top, bottom: height - MARGIN.bottom };
    this.#context.setTransform(scale, 0, 0, scale, 0, 0);
    this.#context.clearRect(0, 0, width, height);
    this.#drawAxes(area);
    this.#drawSeries(area);
  }

  #drawAxes(area) {
    const context = this.#context;
    context.font = this.#colours.font;
    context.textBaseline = "middle";
    context.lineWidth = 1;
    context.strokeStyle = this.#colours.rule;
    VALUE.ticks.forEach((tick, index) => {
      const y = Math.round(yOf(area, VALUE, tick)) + 0.5;
      line(context, area.left, y, area.right, y);
      context.textAlign = "right";
      context.fillStyle = this.#colours.value;
      context.fillText(VALUE.label(tick), area.left - 8, y);
      context.textAlign = "left";
      context.fillStyle = this.#colours.load;
      context.fillText(LOAD.label(LOAD.ticks[index]), area.right + 8, y);
    });
    context.textBaseline = "alphabetic";
    context.fillStyle = this.#colours.text;
    for (let ago = 0; ago <= WINDOW_MS; ago += 5000) {
      const x = Math.round(area.right - (ago / WINDOW_MS) * (area.right - area.left)) - 0.5;
      line(context, x, area.bottom, x, area.bottom + 5);
      context.textAlign = ago === 0 ? "right" : ago === WINDOW_MS ? "left" : "center";
      context.fillText(ago === 0 ? "now" : `−${ago / 1000} s`, x, area.bottom + 20);
    }
  }

  #drawSeries(area) {
    if (this.#samples.length === 0) return;
    const now = this.#samples.at(-1).t + (this.#frame ? Math.min(performance.now() - this.#newestAt, WINDOW_MS) : 0);
    const xOf = (t) => area.right - ((now - t) / WINDOW_MS) * (area.right - area.left);
    const context = this.#context;
    context.save();
    context.beginPath();
    context.rect(area.left, area.top - 4, area.right - area.left, area.bottom - area.top + 8);
    context.clip();
    context.lineJoin = "round";
    for (const run of runs(this.#samples)) {
      context.fillStyle = this.#colours.fill;
      trace(context, run, xOf, (sample) => yOf(area, LOAD, sample.load));
      context.lineTo(xOf(run.at(-1).t), area.bottom);
      context.lineTo(xOf(run[0].t), area.bottom);
      context.fill();
      stroke(context, this.#colours.load, 1.25, run, xOf, (sample) => yOf(area, LOAD, sample.load));
      stroke(context, this.#colours.value, 2, run, xOf, (sample) => yOf(area, VALUE, sample.value));
    }
    context.restore();
  }
}

/** The samples, cut where a datagram is missing: its place stays empty. */
function runs(samples) {
  const found = [[samples[0]]];
  for (let index = 1; index < samples.length; index += 1) {
    if (samples[index].seq !== samples[index - 1].seq + 1) found.push([]);
    found.at(-1).push(samples[index]);
  }
  return found;
}

function yOf(area, { low, high }, value) {
  const part = (Math.min(high, Math.max(low, value)) - low) / (high - low);
  return area.bottom - part * (area.bottom - area.top);
}

function line(context, x1, y1, x2, y2) {
  context.beginPath();
  context.moveTo(x1, y1);
  context.lineTo(x2, y2);
  context.stroke();
}

function trace(context, run, xOf, y) {
  context.beginPath();
  for (const sample of run) context.lineTo(xOf(sample.t), y(sample));
}

function stroke(context, colour, width, run, xOf, y) {
  context.strokeStyle = colour;
  context.lineWidth = width;
  trace(context, run, xOf, y);
  context.stroke();
}
