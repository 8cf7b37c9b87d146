// The explorer's page: inputs on one side, everything that follows from them on the other, at once.

import { $, element, oncePerFrame, setText } from "../dom.js";
import { duration, whole } from "../format.js";
import { billOf, DEPLOYMENTS, freeEnd, measuredUsers } from "./bills.js";
import { drawLines, drawRanges, sizeOf } from "./charts.js";
import { addressOf, INPUTS, inputsOf, LINKS, placeOf, presetInputs } from "./inputs.js";
import { delayS, FIGURES, isBeyond, loadOf, outcomes, rowsOf } from "./model.js";
import { answerOf, changeOf } from "./words.js";

const constants = JSON.parse($("constants").textContent);
const { transports, bills } = constants;
const MARKS = { least: 0.01, low: 0.25, middle: 0.5, high: 0.75, late: 0.95, most: 0.99 };
const COUNTS = [1, 10, 100, 1_000, 10_000, 100_000];
const short = (count) => (count < 1000 ? String(count) : `${count / 1000}k`);
const delayAxis = { ticks: [0.001, 0.01, 0.1, 1, 10, 100], show: (s) => (s < 1 ? `${1000 * s} ms` : `${s} s`) };
const usersAxis = { ticks: COUNTS, show: short, title: "users online, on average" };
const dollarAxis = { ticks: [0, ...COUNTS.slice(1)].map((usd) => usd + 1), show: (place) => `$${short(place - 1)}` };
const colourOf = (slug) => transports.find((row) => row.slug === slug)?.colour ?? "#6b7280";
const LOOKS = {
  "pusher-and-serverless": { colour: colourOf("pusher_adapter") },
  "separate-websocket-server": { colour: colourOf("raw_websocket"), isDashed: true },
  "single-server": { colour: colourOf("") },
};
const links = Object.fromEntries(Object.entries(LINKS).filter(([link]) => link in constants.links));
const choices = { link: links, deployment: DEPLOYMENTS };
const redraw = oncePerFrame(draw);
let preset = "";
let inputs, found, sizes, noting; // found: all figures; sizes: of the charts; noting: the timer until `rest`

function draw() {
  found = outcomes(inputs, constants);
  const { slug, ...texts } = answerOf(found, inputs, constants);
  for (const [name, said] of Object.entries(texts)) setText($(`answer-${name}`), said);
  $("verdict").style.setProperty("--hue", colourOf(slug));
  drawDelays(slug);
  drawFigures(slug);
  drawBills();
}

/** Once the inputs rest, note them in the address, and say what would change the answer. */
function rest() {
  if (location.hash || preset || noting) history.replaceState(null, "", `#${addressOf(inputs, preset)}`);
  const { text, other, changed } = changeOf(found, inputs, constants);
  setText($("change"), other ? `To make ${other} the choice: ` : text);
  $("try").hidden = !changed;
  setText($("try"), text);
  $("try").onclick = () => change(changed);
}

function drawDelays(chosen) {
  const rows = rowsOf(inputs, constants).map((row) => {
    const { slug, label, colour } = row.transport;
    const { p50, p95, cores } = found[slug];
    const [half, late] = [delayS(row, 0.5), delayS(row, 0.95)]; // the same two values, unless they were measured
    const rise = (p95.value - p50.value) / (late - half || 1);
    const scaled = (delay) => (delay > half ? p50.value + (delay - half) * rise : (delay * p50.value) / half);
    const marks = Object.fromEntries(Object.entries(MARKS).map(([mark, share]) => [mark, scaled(delayS(row, share))]));
    const text = `${FIGURES.p50.show(p50.value)} · ${FIGURES.p95.show(p95.value)}`;
    return { label, text, marks, colour, isPale: isBeyond(row, cores.value), isChosen: slug === chosen };
  });
  const limit = { value: inputs.late, text: `too late beyond ${INPUTS.late.show(inputs.late)}` };
  drawRanges($("delays"), sizes.delays, rows, delayAxis, limit, "When readers see a message, by transport");
  setText($("delays-beyond"), rows.some((row) => row.isPale) ? "Pale: beyond what was measured." : "");
  if (!$("delays-more").open) return;
  const cells = Object.entries(MARKS).map(([mark, share]) => {
    return [`${100 * share} of 100`, ...rows.map(({ marks }) => element("td", {}, duration(1000 * marks[mark])))];
  });
  fill("delays-table", namesOf(), cells);
}

/** Return the transports' names as the heads of columns, each in its colour. */
const namesOf = () => transports.map((row) => coloured("th", row.colour, row.slug, row.label));

function coloured(name, colour, className, ...children) {
  const made = element(name, { className: `coloured ${className}` }, ...children);
  made.style.setProperty("--hue", colour);
  return made;
}

/** Fill a table: the heads of its columns, and rows of a name and cells. */
function fill(id, heads, rows) {
  const body = rows.map(([name, ...cells]) => element("tr", {}, element("th", { scope: "row" }, name), ...cells));
  for (const head of heads) head.scope = "col";
  const head = element("tr", {}, element("td"), ...heads);
  $(id).replaceChildren(element("thead", {}, head), element("tbody", {}, ...body));
}

function drawFigures(chosen) {
  for (const { slug } of transports) {
    for (const cell of $("figures").querySelectorAll(`.${slug}`)) cell.classList.toggle("is-chosen", slug === chosen);
    for (const [name, { show }] of Object.entries(FIGURES)) {
      const { value, basis } = found[slug][name];
      const button = $(`${slug}-${name}`);
      button.disabled = value === undefined;
      button.className = button.disabled ? "" : basis.split(" ")[0];
      setText(button.firstChild, button.disabled ? "–" : show(value));
      setText(button.lastChild, button.disabled ? "" : ` (${basis})`);
      if (button === document.activeElement) button.onfocus();
    }
  }
}

/** Return a figure's cell: a button, which explains the figure when it is pointed at or has the focus. */
function cellOf({ slug, label }, name) {
  const { title, show } = FIGURES[name];
  const mark = element("span", { className: "unseen" });
  const button = element("button", { type: "button", id: `${slug}-${name}` }, element("span"), mark);
  button.onfocus = () => {
    const { value, basis, why } = found[slug][name];
    if (value === undefined) return;
    $("why").replaceChildren(element("b", {}, `${label}. ${title}: ${show(value)}. `), `${basis}: ${why()}.`);
  };
  button.onmouseenter = button.onfocus;
  return element("td", { className: slug }, button);
}

function drawBills() {
  const load = { ...loadOf(inputs), longer: inputs.text - constants.text_bytes };
  const names = Object.keys(DEPLOYMENTS);
  const usdOf = (name, users) => billOf(name, users, load, bills).usd;
  const counts = Array.from({ length: 91 }, (_, place) => 10 ** (place / 18));
  const lines = names.flatMap((name) => {
    const points = counts.map((users) => [users, usdOf(name, users) + 1]);
    const end = counts.findLastIndex((users) => users <= measuredUsers(name, bills));
    const halves = [points.slice(0, end + 1), points.slice(end)];
    return halves.map((half, isPale) => ({ label: DEPLOYMENTS[name], ...LOOKS[name], isPale, points: half }));
  });
  const marks = names.map((name) => ({ ...LOOKS[name], x: inputs.users, y: usdOf(name, inputs.users) + 1 }));
  const axis = { ...usersAxis, now: inputs.users };
  drawLines($("bills"), sizes.bills, lines, marks, axis, dollarAxis, "Dollars a month, by users");
  $("months").replaceChildren(...names.map((name) => monthRow(name, load)));
  if (!$("bills-more").open) return;
  const rows = COUNTS.map((users) => {
    const cells = names.map((name) => {
      const usd = usdOf(name, users);
      const className = users > measuredUsers(name, bills) ? "model" : "";
      return element("td", { className }, Number.isFinite(usd) ? `$${whole(usd)}` : "no plan");
    });
    return [`${whole(users)} users`, ...cells];
  });
  const heads = names.map((name) => element("th", {}, DEPLOYMENTS[name]));
  fill("bills-table", heads, rows);
}

/** Return what a deployment costs with these inputs, and where its free tier ends. */
function monthRow(name, load) {
  const { users, limit } = freeEnd(name, load, bills);
  const { usd } = billOf(name, inputs.users, load, bills);
  const upTo = users ? `free up to ${whole(users)} ${users === 1 ? "user" : "users"}` : "never free";
  const free = `; ${upTo}${limit && ` (limit: ${limit})`}`;
  const beyond = inputs.users > measuredUsers(name, bills) ? ", beyond what was measured" : "";
  const month = Number.isFinite(usd) ? `$${whole(usd)} a month` : "no plan is large enough";
  const looks = `${name === inputs.deployment ? "is-chosen" : ""} ${LOOKS[name].isDashed ? "is-dashed" : ""}`;
  return coloured("li", LOOKS[name].colour, looks, element("b", {}, `${DEPLOYMENTS[name]}: ${month}`), beyond + free);
}

function fit() {
  sizes = { delays: sizeOf($("delays")), bills: sizeOf($("bills")) };
  draw();
}

function change(changed) {
  inputs = { ...inputs, ...changed };
  setText($("copied"), "");
  showInputs();
  redraw();
  clearTimeout(noting);
  noting = setTimeout(rest, 150);
}

function showInputs() {
  for (const [name, { show }] of Object.entries(INPUTS)) {
    const inRoom = name === "messages" ? ` (${show(inputs.messages * loadOf(inputs).members)} in a room)` : "";
    $(name).value = placeOf(name, inputs[name]);
    setText($(`${name}-shown`), show(inputs[name]) + inRoom);
    $(name).setAttribute("aria-valuetext", show(inputs[name]) + inRoom);
  }
  for (const name of Object.keys(choices)) $(name).value = inputs[name];
  $("load").value = ""; // until it is shown that these are its inputs
  $("scene").hidden = addressOf(inputs, preset).includes("&"); // it describes the preset as it is
  for (const button of $("presets").children) button.setAttribute("aria-pressed", button.value === preset);
}

/** Start from a preset, whose answer is hidden until somebody asks for it, or from other numbers; show its question. */
function start(name) {
  preset = name;
  $("question").hidden = !name;
  setText($("scene"), document.querySelector(`#presets [value="${name}"]`)?.dataset.scene ?? "");
  document.body.classList.toggle("asks", Boolean(name));
}

function open() {
  const asked = inputsOf(location.hash.slice(1), choices);
  inputs = location.hash ? asked.inputs : { ...asked.inputs, ...constants.loads[0]?.inputs };
  start(asked.preset);
  showInputs();
  fit();
  rest();
}

/** Return the answer, the inputs and the figures as text; the figures paste as a table. */
function asText() {
  const texts = (nodes) => Array.from(nodes, (node) => node.textContent.trim().replace(/\s+/g, " "));
  const asked = texts($("sliders").children).concat(links[inputs.link], DEPLOYMENTS[inputs.deployment]);
  const rows = Array.from($("figures").rows, (row) => texts(row.cells).join("\t"));
  const answer = texts($("verdict").querySelectorAll("p, dl > div"));
  const parts = [answer, asked, rows, texts($("months").children), [location.href]];
  return parts.map((part) => part.join("\n")).join("\n\n");
}

function copy(text, said) {
  const copied = navigator.clipboard?.writeText(text) ?? Promise.reject();
  copied.then(() => setText($("copied"), said)).catch(() => prompt("Copy this text:", text));
}

const optionsOf = (names) => Object.entries(names).map(([value, text]) => element("option", { value }, text));

for (const [name, { label, values }] of Object.entries(INPUTS)) {
  const slider = element("input", { id: name, type: "range", min: 0, max: values.length - 1, step: 1 });
  slider.oninput = () => change({ [name]: values[slider.value] });
  const shown = element("output", { id: `${name}-shown` });
  $("sliders").append(element("label", {}, element("span", {}, `${label}: `), shown, slider));
}
for (const [name, values] of Object.entries(choices)) {
  $(name).append(...optionsOf(values));
  $(name).parentElement.hidden = Object.keys(values).length < 2;
  $(name).onchange = ({ target: { value } }) => change({ [name]: value });
}
for (const button of $("presets").children) {
  button.onclick = () => {
    start(button.value === preset ? "" : button.value);
    change(presetInputs(preset));
  };
}
$("load").append(...optionsOf(constants.loads.map((load) => load.name)));
$("load").onchange = ({ target: { value } }) => {
  start("");
  change({ ...presetInputs(""), hold: constants.settings.hold_s, ...constants.loads[value]?.inputs });
  $("load").value = value;
};
$("reveal").onclick = () => {
  document.body.classList.remove("asks");
  $("answer").focus();
};
$("copy-link").onclick = () => copy(location.href, "The link is copied.");
$("copy-text").onclick = () => copy(asText(), "The text is copied.");
setText($("source"), `${constants.source} List prices as in results/costs/prices.toml.`);
const rows = Object.entries(FIGURES).map(([name, { title }]) => [title, ...transports.map((row) => cellOf(row, name))]);
fill("figures", namesOf(), rows);
for (const more of document.querySelectorAll("details")) more.ontoggle = draw;
addEventListener("resize", oncePerFrame(fit));
matchMedia("print").addEventListener("change", fit);
addEventListener("hashchange", open);
open();
