// Two charts in SVG: when readers see a message on each transport, and what a month costs by users. A chart is drawn at
// the width that it has, so that its text keeps its size. All axes are logarithmic.

import { svg } from "../dom.js";

/** Draw rows: { label, text, colour, isPale, isChosen, marks: { least, low, middle, high, late, most } }. */
export function drawRanges(parent, size, rows, axis, limit, name) {
  const { px, width, chart } = canvas(parent, name, size);
  const [left, right, row] = [4 * px, width - 18 * px, 44 * px];
  const height = rows.length * row + 4 * px;
  const x = place(axis.ticks, left, right);
  chart.setAttribute("viewBox", `0 0 ${width} ${height + 38 * px}`);
  drawTicks(chart, axis, x, [0, height], px);
  line(chart, "limit", x(limit.value), 0, x(limit.value), height);
  const [isRight, textY] = [x(limit.value) > width / 2, height + 34 * px];
  write(chart, limit.text, x(limit.value) + (isRight ? -4 : 4) * px, textY, isRight ? "end" : "start", "limit-text");
  for (const [index, { label, text, marks, ...looks }] of rows.entries()) {
    const [base, bar] = [index * row + 17 * px, index * row + 29 * px];
    const group = paint(svg("g"), "row", looks);
    const range = (from, to, thick) => {
      const end = Math.max(x(marks[to]), x(marks[from]) + px);
      line(group, "range", x(marks[from]), bar, end, bar, { "stroke-width": thick * px });
    };
    write(group, width < 400 * px ? label.split(" (")[0] : label, left, base, "start", "name");
    write(group, text, right, base, "end", "value");
    range("least", "most", 2);
    range("low", "high", 8);
    group.append(svg("circle", { class: "dot", cx: x(marks.middle), cy: bar, r: 5 * px, "stroke-width": 2.5 * px }));
    line(group, "range", x(marks.late), bar - 9 * px, x(marks.late), bar + 9 * px, { "stroke-width": 3 * px });
    chart.append(group);
  }
}

/** Draw lines: { label, colour, isPale, isDashed, points: [[x, y]] }, and a mark on each of { colour, x, y }. */
export function drawLines(parent, size, lines, marks, xAxis, yAxis, name) {
  const { px, width, chart } = canvas(parent, name, size);
  const [left, right, top, bottom] = [58 * px, width - 22 * px, 12 * px, 232 * px];
  const [x, y] = [place(xAxis.ticks, left, right), place(yAxis.ticks, bottom, top)];
  chart.setAttribute("viewBox", `0 0 ${width} ${bottom + 40 * px}`);
  drawTicks(chart, xAxis, x, [top, bottom], px);
  for (const tick of yAxis.ticks) {
    line(chart, "grid", left, y(tick), right, y(tick));
    write(chart, yAxis.show(tick), left - 8 * px, y(tick) + 4 * px, "end");
  }
  write(chart, xAxis.title, right, bottom + 36 * px, "end");
  line(chart, "limit", x(xAxis.now), top, x(xAxis.now), bottom);
  for (const { label, points, ...looks } of lines) {
    const shown = points.filter((point) => point.every(Number.isFinite));
    const path = shown.map(([users, usd]) => `${x(users).toFixed(1)} ${y(usd).toFixed(1)}`).join(" L ");
    chart.append(paint(svg("path", { d: path && `M ${path}` }, svg("title", {}, label)), "line", looks));
  }
  for (const { colour, x: users, y: usd } of marks.filter((mark) => Number.isFinite(mark.y))) {
    const dot = svg("circle", { cx: x(users), cy: y(usd), r: 5 * px, "stroke-width": 2.5 * px });
    chart.append(paint(dot, "dot", { colour }));
  }
}

/** Return the size at which a chart is drawn; px: a pixel at the usual size of text. It forces a layout. */
export const sizeOf = (parent) => ({
  px: Number.parseFloat(getComputedStyle(parent).fontSize) / 16,
  width: parent.clientWidth || 600,
});

/** Put an empty chart in place of the old one. */
function canvas(parent, name, size) {
  const chart = svg("svg", { role: "img", "aria-label": name });
  parent.replaceChildren(chart);
  return { ...size, chart };
}

/** Give a node a class and what it looks like. */
function paint(node, name, { colour, ...looks }) {
  node.classList.add("coloured", name, ...Object.keys(looks).filter((look) => looks[look]));
  node.style.setProperty("--hue", colour);
  return node;
}

const line = (parent, name, x1, y1, x2, y2, more) =>
  parent.append(svg("line", { class: name, x1, y1, x2, y2, ...more }));

const write = (parent, text, x, y, anchor, name = "") =>
  parent.append(svg("text", { class: name, x, y, "text-anchor": anchor }, text));

function drawTicks(chart, { ticks, show }, x, [top, bottom], px) {
  for (const tick of ticks) {
    line(chart, "grid", x(tick), top, x(tick), bottom);
    write(chart, show(tick), x(tick), bottom + 16 * px, x(tick) < 20 * px ? "start" : "middle");
  }
}

/** Return how a value is placed between two coordinates, logarithmically. */
function place(ticks, from, to) {
  const [least, most] = [ticks[0], ticks.at(-1)];
  const clamp = (value) => Math.min(Math.max(value, least), most);
  return (value) => from + (Math.log(clamp(value) / least) / Math.log(most / least)) * (to - from);
}
