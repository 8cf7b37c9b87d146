// A live sequence diagram: lifelines for the browser and the server, an arrow for each message that crossed the wire,
// newest below, and a bar on the side that waits.

import { oncePerFrame, setAttributes, setText, svg } from "../dom.js";

const WIDTH = 280;
const HEAD = 14; // the baseline of the names
const TOP = 20;
const FIRST = 42; // the first arrow
const HEIGHT = 252;
const ROW = 22;
const PAUSE_ROW = 18; // extra height of a row whose pause is shown
const PAUSE_MS = 250; // shorter pauses are not shown; also how often it is drawn without events
const ROWS_MAX = Math.ceil((HEIGHT - FIRST) / ROW);
const heightOf = (pauseMs) => (pauseMs < PAUSE_MS ? ROW : ROW + PAUSE_ROW);
const BROWSER = 22;
const SERVER = WIDTH - 22;
const MIDDLE = WIDTH / 2;
const WAITERS = { browser: "the browser waits ", server: "the server waits " };
const pauseText = (ms, waits) => `${WAITERS[waits] ?? ""}${(ms / 1000).toFixed(1)} s`;

/** One arrow, the pause that followed it, and who waited meanwhile. pusher: where pushed arrows start. */
class Row {
  constructor({ direction, words, kind }, waits, pusher) {
    const [from, to] = {
      up: [BROWSER, SERVER],
      down: [SERVER, BROWSER],
      connect: [BROWSER, pusher],
      pushed: [pusher, BROWSER],
    }[direction];
    const end = to > from ? to - 6 : to + 6;
    const spans = { browser: [BROWSER - 3, 6], server: [SERVER - 3, 6], connection: [BROWSER, pusher - BROWSER] };
    this.waits = waits;
    this.span = spans[waits] ?? [0, 0];
    this.atMs = performance.now();
    this.bar = svg("rect", { class: `waits ${waits}`, y: 0, rx: 2 });
    const pauseX = waits === "connection" ? (BROWSER + pusher) / 2 : MIDDLE;
    this.pause = svg("text", { class: "pause", x: pauseX, y: PAUSE_ROW - 2, "text-anchor": "middle" });
    const line = svg("line", { x1: from, x2: end, y1: 0, y2: 0 });
    const head = svg("path", { d: `M ${to} 0 L ${end} -4 L ${end} 4 Z` });
    const label = svg("text", { x: (from + to) / 2, y: -4, "text-anchor": "middle" }, words);
    this.all = svg("g", {}, this.bar, this.pause, svg("g", { class: `arrow ${kind}` }, line, head, label));
  }

  /** Place the row, and show how long the pause after it was, on the lifeline of the side that waited. */
  place(y, pauseMs) {
    const pause = pauseMs < PAUSE_MS ? "" : pauseText(pauseMs, this.waits);
    const [x, width] = pause || this.waits === "connection" ? this.span : [0, 0];
    setAttributes(this.all, { transform: `translate(0 ${y})`, display: "inline" });
    setAttributes(this.bar, { x, width, height: heightOf(pauseMs) });
    setText(this.pause, pause);
  }
}

export class Diagram {
  #rows = []; // oldest first
  #waits = "nobody";
  #heldSinceMs = 0; // when the open request or connection began
  #draw = oncePerFrame(() => {
    if (this.#rows.length) this.#place();
    this.#count();
  });
  limitS = 0; // seconds after which the host cuts requests and connections; 0: never

  /** parent: the element to draw in. service: whether a push service stands between. */
  constructor(parent, { service }) {
    this.pusher = service ? MIDDLE : SERVER;
    const label = "What crosses the wire, newest below";
    this.svg = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": label });
    this.countdown = svg("text", { class: "countdown", x: MIDDLE, y: HEAD, "text-anchor": "middle" });
    if (!service) this.svg.append(this.countdown);
    this.#lifeline(BROWSER, "browser", 2, "start");
    if (service) this.#lifeline(MIDDLE, "push service", MIDDLE, "middle");
    this.#lifeline(SERVER, service ? "API" : "server", WIDTH - 2, "end");
    parent.append(this.svg);
    setInterval(this.#draw, PAUSE_MS); // the countdown and the last pause change without events
  }

  /** Add an arrow, drawn with the next frame. While a connection is open, only its end changes who waits. */
  add(arrow) {
    const before = this.#waits;
    if (before !== "connection" || arrow.isEnd) this.#waits = arrow.waits ?? before;
    if (this.#waits !== before || arrow.waits === "server") this.#heldSinceMs = performance.now();
    const row = new Row(arrow, this.#waits, this.pusher);
    this.svg.append(row.all);
    this.#rows.push(row);
    if (this.#rows.length > ROWS_MAX) this.#rows.shift().all.remove();
    this.#draw();
  }

  /** Count down to the moment at which the host closes the connection. */
  #count() {
    const isHeld = this.limitS && (this.#waits === "server" || this.#waits === "connection");
    const leftS = Math.max(0, this.limitS - (performance.now() - this.#heldSinceMs) / 1000);
    setText(this.countdown, isHeld ? `cut in ${leftS.toFixed(1)} s` : "");
  }

  /** Place the newest row below and the others above it, as many as there is room for. */
  #place() {
    const next = [...this.#rows.slice(1).map(({ atMs }) => atMs), performance.now()];
    const pauses = this.#rows.map(({ atMs }, index) => next[index] - atMs);
    let y = Math.min(HEIGHT, FIRST + pauses.reduce((sum, pauseMs) => sum + heightOf(pauseMs), 0));
    for (let index = this.#rows.length - 1; index >= 0; index -= 1) {
      y -= heightOf(pauses[index]);
      if (y < FIRST) setAttributes(this.#rows[index].all, { display: "none" });
      else this.#rows[index].place(y, pauses[index]);
    }
  }

  #lifeline(x, name, at, anchor) {
    const line = svg("line", { class: "lifeline", x1: x, x2: x, y1: TOP, y2: HEIGHT });
    this.svg.append(line, svg("text", { class: "head", x: at, y: HEAD, "text-anchor": anchor }, name));
  }
}
