// A live sequence diagram: lifelines for the browser and the server, an arrow for everything that really crossed the
// wire, newest below, and a bar on the side that waits. The rows are few, and old ones are used again.

import { LINE_ENDS } from "./wording.js";

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 280;
const TOP = 24;
const FIRST = 34; // the first arrow
const HEIGHT = 236;
const ROW = 19;
const PAUSE_ROW = 15; // a pause worth showing takes some room
const PAUSE_MS = 250;
const ROWS_MAX = Math.ceil((HEIGHT - FIRST) / ROW);
const heightOf = (pauseMs) => (pauseMs < PAUSE_MS ? ROW : ROW + PAUSE_ROW);
const BROWSER = 22;
const SERVER = WIDTH - 22;
const MIDDLE = WIDTH / 2;

const drawn = (name, attributes, text) => {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
};

/** One arrow, the pause that followed it, and who waited meanwhile. */
class Row {
  constructor() {
    this.bar = drawn("rect", { class: "waits", rx: 2 });
    this.line = drawn("line", { y1: 0, y2: 0 });
    this.tip = drawn("path", {});
    this.words = drawn("text", { y: -4, "text-anchor": "middle" });
    this.pause = drawn("text", { class: "pause", "text-anchor": "middle" });
    this.arrow = drawn("g", {});
    this.arrow.append(this.line, this.tip, this.words);
    this.all = drawn("g", {});
    this.all.append(this.bar, this.pause, this.arrow);
  }

  /** Draw what crossed, between two lifelines. */
  say({ words, kind }, from, to) {
    const end = to > from ? to - 6 : to + 6;
    this.arrow.setAttribute("class", `arrow ${kind}`);
    this.line.setAttribute("x1", from);
    this.line.setAttribute("x2", end);
    this.tip.setAttribute("d", `M ${to} 0 L ${end} -3.5 L ${end} 3.5 Z`);
    this.words.setAttribute("x", (from + to) / 2);
    this.words.textContent = words;
  }

  /** Place it, and show how long the pause after it was, on the lifeline of whoever waited. */
  place(y, pauseMs, waits, service) {
    const spans = { browser: [BROWSER - 3, 6], server: [SERVER - 3, 6], line: [BROWSER, (service ? MIDDLE : SERVER) - BROWSER] };
    const [x, width] = spans[waits] ?? [0, 0];
    const shown = width && (waits === "line" || pauseMs >= PAUSE_MS);
    this.all.removeAttribute("display");
    this.all.setAttribute("transform", `translate(0 ${y})`);
    this.bar.setAttribute("class", `waits ${waits}`);
    for (const [key, value] of Object.entries({ x, y: 0, width: shown ? width : 0, height: heightOf(pauseMs) })) this.bar.setAttribute(key, value);
    this.pause.setAttribute("x", service && waits === "line" ? (BROWSER + MIDDLE) / 2 : MIDDLE);
    this.pause.setAttribute("y", PAUSE_ROW - 1);
    this.pause.textContent = pauseMs < PAUSE_MS ? "" : lasting(pauseMs, waits);
  }
}

const WAITERS = { browser: "the browser waits ", server: "the server waits ", line: "" };
const lasting = (ms, waits) => `${WAITERS[waits] ?? ""}${(ms / 1000).toFixed(1)} s`;

export class Diagram {
  #heard = []; // {atMs, way, words, kind, waits}
  #rows = [];
  #waits = "nobody";
  #due = false;

  /** holds: the element to draw in. service: whether a push service stands between. */
  constructor(holds, { service }) {
    this.service = service;
    this.svg = drawn("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": "What crosses the wire, newest below" });
    const lines = service ? { browser: BROWSER, "push service": MIDDLE, API: SERVER } : { browser: BROWSER, server: SERVER };
    for (const [name, x] of Object.entries(lines)) {
      const anchor = { [BROWSER]: "start", [SERVER]: "end" }[x] ?? "middle";
      this.svg.append(drawn("line", { class: "life", x1: x, x2: x, y1: TOP - 8, y2: HEIGHT }));
      this.svg.append(drawn("text", { class: "head", x: { start: 2, end: WIDTH - 2 }[anchor] ?? x, y: 11, "text-anchor": anchor }, name));
    }
    holds.append(this.svg);
    setInterval(() => this.#draw(), PAUSE_MS); // time passes, though nothing happens
  }

  /** Draw one arrow more, with the next frame. While a line is open, only its end changes who waits. */
  add({ waits, ...said }) {
    if (this.#waits !== "line" || said.words === LINE_ENDS) this.#waits = waits ?? this.#waits;
    this.#heard.push({ ...said, waits: this.#waits, atMs: performance.now() });
    if (this.#heard.length > ROWS_MAX) this.#heard.shift();
    this.#draw();
  }

  #draw() {
    if (this.#due || !this.#heard.length) return;
    this.#due = true;
    requestAnimationFrame(() => {
      this.#due = false;
      this.#place();
    });
  }

  /** Place the newest row below and the others above it, as many as there is room for. */
  #place() {
    const rows = this.#timed();
    const height = rows.reduce((sum, { pauseMs }) => sum + heightOf(pauseMs), 0);
    let y = Math.min(HEIGHT, FIRST + height);
    let used = 0;
    for (const { heard, pauseMs } of rows) {
      y -= heightOf(pauseMs);
      if (y < FIRST) break;
      const row = (this.#rows[used++] ??= this.#newRow());
      row.say(heard, ...this.#ends(heard.way));
      row.place(y, pauseMs, heard.waits, this.service);
    }
    for (const row of this.#rows.slice(used)) row.all.setAttribute("display", "none");
  }

  /** Return what was heard, newest first, each with the pause that followed it. */
  #timed() {
    const next = [...this.#heard.slice(1).map(({ atMs }) => atMs), performance.now()];
    return this.#heard.map((heard, place) => ({ heard, pauseMs: next[place] - heard.atMs })).reverse();
  }

  #newRow() {
    const row = new Row();
    this.svg.append(row.all);
    return row;
  }

  #ends(way) {
    return { up: [BROWSER, SERVER], down: [SERVER, BROWSER], pushed: [MIDDLE, BROWSER] }[way];
  }
}
