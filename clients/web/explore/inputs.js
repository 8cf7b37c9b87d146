// What somebody can change: each input's values, how they are written, and the presets. The address holds what differs.

import { percent, whole } from "../format.js";

const ROUND = [1, 1.2, 1.4, 1.6, 1.8, 2, 2.5, 3, 3.5, 4, 5, 6, 7, 8, 9];

/** Return round values from `least` to `most`, each larger by about a sixth; whole if `least` is 2 or more. */
const scale = (least, most) => {
  const values = [-4, -3, -2, -1, 0, 1, 2, 3, 4, 5].flatMap((power) => ROUND.map((each) => Number(`${each}e${power}`)));
  return values.filter((value) => value >= least && value <= most && (least < 2 || Number.isInteger(value)));
};
const steps = (most, step) =>
  Array.from({ length: Math.round(most / step) + 1 }, (_, place) => Number((place * step).toFixed(3)));
const seconds = (value) => `${value} s`;
const twoDigits = (value) => String(Number(value.toPrecision(2)));
const input = (label, values, show, usual) => ({ label, values, show, usual });

// late: beyond a second a train of thought is interrupted (Nielsen, Usability Engineering, 1993, section 5.5)
export const INPUTS = {
  users: input("Users online, on average", scale(2, 100_000), whole, 40),
  room: input("People in a room", scale(2, 10_000), whole, 10),
  messages: input("Messages per user and minute", scale(0.0001, 60), twoDigits, 12),
  idle: input("Time in which nobody writes", steps(0.99, 0.01), percent, 0),
  late: input("Acceptable delay, for 95 of 100", scale(0.1, 60), seconds, 1),
  poll: input("Poll interval", scale(0.5, 60), seconds, 2),
  hold: input("Longest hold of a long poll", scale(5, 60), seconds, 25),
  delay: input("One-way delay of the network", steps(0.3, 0.005), (value) => `${Math.round(1000 * value)} ms`, 0),
  text: input("Length of a message", scale(20, 4000), (value) => `${whole(value)} bytes`, 120),
};
export const LINKS = { plain: "HTTP/1.1 in the clear", tls: "HTTP/1.1 with TLS", h2: "HTTP/2 with TLS" };
const crowd = { users: 10_000, room: 10_000, delay: 0.03 };

/** The examples of the page, which has their names and scenes: what differs from the usual inputs. */
export const PRESETS = {
  text: { users: 10, messages: 2, delay: 0.025, deployment: "pusher-and-serverless" },
  helpdesk: { users: 100, room: 2, messages: 1, idle: 0.95, late: 3, delay: 0.025, poll: 2.5 },
  ticker: { ...crowd, messages: 0.0002, late: 10, poll: 10 },
  team: { users: 500, room: 20, messages: 1, idle: 0.6, delay: 0.02 },
  dashboard: { ...crowd, messages: 0.006, late: 5, poll: 5, text: 200 },
};

/** Return all inputs: the usual ones, changed by a preset's. */
export function presetInputs(name) {
  const usual = Object.fromEntries(Object.entries(INPUTS).map(([each, { usual }]) => [each, usual]));
  return { ...usual, link: "plain", deployment: "single-server", ...PRESETS[name] };
}

/** Return the place in an input's scale whose value is nearest. */
export function placeOf(name, value) {
  const away = INPUTS[name].values.map((each) => Math.abs(each - value));
  return away.indexOf(Math.min(...away));
}

/** Return the query of an address that stands for these inputs: a preset's name, and what differs from it. */
export function addressOf(inputs, preset) {
  const changed = Object.entries(inputs).filter(([name, value]) => value !== presetInputs(preset)[name]);
  return new URLSearchParams([["preset", preset], ...changed]).toString();
}

/** Return { preset, inputs } of an address: what is unknown or no number stays as usual, and scales limit numbers. */
export function inputsOf(address, choices) {
  const query = new URLSearchParams(address);
  const preset = Object.hasOwn(PRESETS, query.get("preset")) ? query.get("preset") : "";
  const inputs = presetInputs(preset);
  for (const [name, text] of query) {
    const value = Number(text);
    const values = Object.hasOwn(INPUTS, name) ? INPUTS[name].values : [];
    if (values.length && text && Number.isFinite(value))
      inputs[name] = Math.min(Math.max(value, values[0]), values.at(-1));
    else if (Object.hasOwn(choices, name) && Object.hasOwn(choices[name], text)) inputs[name] = text;
  }
  return { preset, inputs };
}
