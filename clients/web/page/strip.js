// A strip of dots: what each of the last messages took, on a logarithmic scale that all lanes share.

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 280;
const HEIGHT = 58;
const LEFT = 32;
const SHOWN = 60;
const FASTEST_MS = 1;
const SLOWEST_MS = 10_000;
const GRID = { 1: "1 ms", 10: "", 100: "0.1 s", 1000: "", 10000: "10 s" };

const drawn = (name, attributes, text = "") => {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = text;
  return made;
};

const yOf = (ms) => {
  const share =
    Math.log(Math.min(Math.max(ms, FASTEST_MS), SLOWEST_MS) / FASTEST_MS) / Math.log(SLOWEST_MS / FASTEST_MS);
  return HEIGHT - 5 - share * (HEIGHT - 10);
};
const xOf = (place) => LEFT + 6 + (place * (WIDTH - LEFT - 10)) / (SHOWN - 1);

export class Strip {
  constructor(holds) {
    const label = "What each of the last messages took, on a logarithmic scale from 1 ms to 10 s";
    const svg = drawn("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": label });
    for (const [ms, name] of Object.entries(GRID)) {
      svg.append(drawn("line", { class: "grid", x1: LEFT, x2: WIDTH, y1: yOf(ms), y2: yOf(ms) }));
      svg.append(drawn("text", { x: LEFT - 4, y: yOf(ms) + 3, "text-anchor": "end" }, name));
    }
    this.dots = drawn("path", { class: "dots" });
    svg.append(this.dots);
    holds.append(svg);
  }

  /** Show these, in ms, the latest at the right. */
  show(latencies) {
    const last = latencies.last(SHOWN);
    const first = SHOWN - last.length;
    const points = last.map((ms, place) => `M ${xOf(first + place).toFixed(1)} ${yOf(ms).toFixed(1)} h 0`);
    this.dots.setAttribute("d", points.join(" "));
  }
}
