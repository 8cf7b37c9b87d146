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
    this.bar = drawn("rect", { y: 0, rx: 2 });
    this.line = drawn("line", { y1: 0, y2: 0 });
    this.tip = drawn("path", {});
    this.words = drawn("text", { y: -4, "text-anchor": "middle" });
    this.pause = drawn("text", { class: "pause", y: PAUSE_ROW - 1, "text-anchor": "middle" });
    this.arrow = drawn("g", {});
    this.arrow.append(this.line, this.tip, this.words);
    this.all = drawn("g", {});
    this.all.append(this.bar, this.pause, this.arrow);
  }

  /** Draw what crossed, between two lifelines, and who waits from then on; return the row. */
  say({ words, kind, waits }, from, to, middle) {
    const end = to > from ? to - 6 : to + 6;
    this.arrow.setAttribute("class", `arrow ${kind}`);
    this.line.setAttribute("x1", from);
    this.line.setAttribute("x2", end);
    this.tip.setAttribute("d", `M ${to} 0 L ${end} -3.5 L ${end} 3.5 Z`);
    this.words.setAttribute("x", (from + to) / 2);
    this.words.textContent = words;
    this.waits = waits;
    this.bar.setAttribute("class", `waits ${waits}`);
    this.pause.setAttribute("x", waits === "line" ? (BROWSER + middle) / 2 : MIDDLE);
    this.span = { browser: [BROWSER - 3, 6], server: [SERVER - 3, 6], line: [BROWSER, middle - BROWSER] }[waits] ?? [
      0, 0,
    ];
    return this;
  }

  /** Place it, and show how long the pause after it was, on the lifeline of whoever waited. */
  place(y, pauseMs) {
    const pause = pauseMs < PAUSE_MS ? "" : lasting(pauseMs, this.waits);
    const [x, width] = pause || this.waits === "line" ? this.span : [0, 0];
    this.all.setAttribute("transform", `translate(0 ${y})`);
    this.all.removeAttribute("display");
    for (const [key, value] of Object.entries({ x, width, height: heightOf(pauseMs) }))
      this.bar.setAttribute(key, value);
    if (this.pause.textContent !== pause) this.pause.textContent = pause;
  }

  hide() {
    this.all.setAttribute("display", "none");
  }
}

const WAITERS = { browser: "the browser waits ", server: "the server waits ", line: "" };
const lasting = (ms, waits) => `${WAITERS[waits] ?? ""}${(ms / 1000).toFixed(1)} s`;

export class Diagram {
  #rows = []; // {row, atMs}, oldest first
  #waits = "nobody";
  #heldMs = 0; // since when the server is held by a question or a line
  #due = false;
  limitS = 0; // after which a host ends whatever holds it, if it does

  /** holds: the element to draw in. service: whether a push service stands between. */
  constructor(holds, { service }) {
    this.middle = service ? MIDDLE : SERVER; // where pushes come from
    const label = "What crosses the wire, newest below";
    this.svg = drawn("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": label });
    this.countdown = drawn("text", { class: "countdown", x: MIDDLE, y: 11, "text-anchor": "middle" });
    if (!service) this.svg.append(this.countdown);
    this.#lifeline(BROWSER, "browser", 2, "start");
    if (service) this.#lifeline(MIDDLE, "push service", MIDDLE, "middle");
    this.#lifeline(SERVER, service ? "API" : "server", WIDTH - 2, "end");
    holds.append(this.svg);
    setInterval(() => this.#draw(), PAUSE_MS); // time passes, though nothing happens
  }

  /** Draw one arrow more, with the next frame. While a line is open, only its end changes who waits. */
  add({ way, waits, ...said }) {
    const before = this.#waits;
    if (before !== "line" || said.words === LINE_ENDS) this.#waits = waits ?? before;
    if (this.#waits !== before || waits === "server") this.#heldMs = performance.now();
    const ends = { up: [BROWSER, SERVER], down: [SERVER, BROWSER], pushed: [MIDDLE, BROWSER] }[way];
    const row = this.#rows.length < ROWS_MAX ? this.#newRow() : this.#rows.shift().row;
    row.say({ ...said, waits: this.#waits }, ...ends, this.middle);
    this.#rows.push({ row, atMs: performance.now() });
    this.#draw();
  }

  #draw() {
    if (this.#due || !this.#rows.length) return;
    this.#due = true;
    requestAnimationFrame(() => {
      this.#due = false;
      this.#place();
      this.#count();
    });
  }

  /** Count down to the moment at which the host hangs up. */
  #count() {
    const isHeld = this.limitS && (this.#waits === "server" || this.#waits === "line");
    const leftS = Math.max(0, this.limitS - (performance.now() - this.#heldMs) / 1000);
    const text = isHeld ? `cut in ${leftS.toFixed(1)} s` : "";
    if (this.countdown.textContent !== text) this.countdown.textContent = text;
  }

  /** Place the newest row below and the others above it, as many as there is room for. */
  #place() {
    const next = [...this.#rows.slice(1).map(({ atMs }) => atMs), performance.now()];
    const pauses = this.#rows.map(({ atMs }, place) => next[place] - atMs);
    let y = Math.min(HEIGHT, FIRST + pauses.reduce((sum, pauseMs) => sum + heightOf(pauseMs), 0));
    for (let place = this.#rows.length - 1; place >= 0; place -= 1) {
      y -= heightOf(pauses[place]);
      if (y < FIRST) this.#rows[place].row.hide();
      else this.#rows[place].row.place(y, pauses[place]);
    }
  }

  #lifeline(x, name, at, anchor) {
    this.svg.append(drawn("line", { class: "life", x1: x, x2: x, y1: TOP - 8, y2: HEIGHT }));
    this.svg.append(drawn("text", { class: "head", x: at, y: 11, "text-anchor": anchor }, name));
  }

  #newRow() {
    const row = new Row();
    this.svg.append(row.all);
    return row;
  }
}
