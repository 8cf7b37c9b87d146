// Delays, counts and costs of each transport for the user's own numbers: counts by theory, unit costs by measurement.
// A figure is { value, basis, why }: why returns the formula with its numbers filled in. Rates are per user, while
// people talk; an hour includes silence. For the inputs of a measured load, a figure is the measured one.

import { bytes, duration, percent, whole } from "../format.js";
import * as theory from "./theory.js";

const [MEASURED, BETWEEN, THEORY, MODEL] = ["measured", "between measurements", "theory", "model"];
const HOUR_S = 3600;
const RADIO_S = 10; // the inactivity timer of a phone's radio, as in notebook 01
const TYPING_S = [1, 1.5, 2, 2.5, 3]; // for how long people type, as in notebook 04
const seconds = (s) => duration(1000 * s);
const size = (count) => bytes(Math.round(count));
const micros = (s) => `${small(1e6 * s)} µs`;

/** What each figure is called, and how it is written. */
export const FIGURES = {
  p50: { title: "Half of the readers see a message within", show: seconds },
  p95: { title: "95 of 100 readers see it within", show: seconds },
  typing: { title: "Typing notices still true when seen", show: percent },
  requests: { title: "Requests of a user per hour", show: whole },
  empty: { title: "Reads with an empty response", show: percent },
  bytes: { title: "Bytes of a user per hour", show: size },
  cores: { title: "Cores of all servers while people talk", show: (cores) => small(cores) },
  memory: { title: "Memory of the servers", show: size },
  functionS: { title: "Function-seconds of a user per hour, if serverless", show: (s) => `${whole(s)} s` },
  vendorMessages: { title: "Messages a push vendor counts, per user and hour", show: whole },
  radio: { title: "Minutes per hour that a phone's radio is on", show: (minutes) => minutes.toFixed(0) },
};

/** Write a small number: two digits, or that it is less than a thousandth. */
export const small = (value) => {
  if (value && value < 0.001) return "< 0.001";
  return value < 10 ? String(Number(value.toPrecision(2))) : whole(value);
};

/** Return { slug: figures } of all transports for these inputs, with the constants of a run. */
export function outcomes(inputs, constants, figures = figuresOf) {
  const made = (row) => [row.transport.slug, withMeasured(row, figures(row))];
  return Object.fromEntries(rowsOf(inputs, constants).map(made));
}

/** Return what the formulas need of each transport: its costs on this link, the load, and what was measured of it. */
export function rowsOf(inputs, constants) {
  const load = loadOf(inputs);
  return constants.transports.map((transport) => {
    const unit = constants.links[inputs.link][transport.slug];
    return { transport, unit, load, inputs, constants, measured: measuredOf(transport, inputs, constants) };
  });
}

/** Return what one user does: commands and events per second of talk, and commands in an hour. */
export function loadOf({ users, room, messages, idle }) {
  const [members, commands, talking] = [Math.min(room, users), messages / 60, 1 - idle];
  return { room, members, commands, talking, events: commands * members, commandsPerH: HOUR_S * talking * commands };
}

/** Return the measured load whose inputs these are, as far as they matter to this transport. */
function measuredOf({ slug, reads }, inputs, { loads, settings }) {
  if (inputs.idle || (reads === "held" && inputs.hold !== settings.hold_s)) return undefined;
  const near = loads.filter((each) => each.inputs.users === inputs.users && each.measured[slug]);
  const isSame = ([name, value]) => (name === "poll" && reads !== "poll") || inputs[name] === value;
  const load = near.find((each) => Object.entries(each.inputs).every(isSame));
  return load && { load: load.name, ...load.measured[slug] };
}

function figuresOf(row) {
  const { transport, unit, load, inputs, constants } = row;
  const { rate, isRequest, waitS, upkeepS, why: asked } = askingOf(row);
  const [busy, quiet] = [rate(load.events), rate(0)];
  const asking = HOUR_S * (load.talking * busy + (1 - load.talking) * quiet);
  const commands = transport.commands === "frames" ? 0 : load.commandsPerH;
  const requests = commands + (isRequest ? asking : 0);
  const deliveries = load.commandsPerH * load.members;
  const perH = (units) => units.command * load.commandsPerH + units.delivery * deliveries + units.asking * asking;
  const isHeld = transport.reads !== "poll" && !transport.needs_push_service;
  const responseS = constants.bills.assumptions.wait_s_per_request;
  const ran = isHeld ? HOUR_S : theory.functionSeconds(0, requests / HOUR_S, responseS) + perH(unit.api_cpu_s);
  const published = transport.needs_push_service ? load.commandsPerH : 0;
  const longer = (load.commandsPerH + published + deliveries) * (inputs.text - constants.text_bytes);
  return {
    p50: delayFigure(row, 0.5, coresOf(row)),
    ...decidingOf(row),
    typing: figure(stillTrue(row), THEORY, () => {
      const seen = transport.reads === "poll" ? `a poll within ${seconds(waitS)}` : delayWords(row, 0.95);
      return `people type for 1 to 3 s; half of the notices say that they stopped; ${seen}`;
    }),
    requests: figure(requests, THEORY, () => `${whole(commands)} commands + ${asked(busy, quiet)}`),
    empty: figure(waitS && emptyShare(load, waitS, busy, quiet), THEORY, () => {
      return `exp(−${small(load.events)}/s × ${seconds(waitS)}) while people talk, all of them in silence`;
    }),
    bytes: priced(row, perH(unit.bytes) + longer, unit.bytes, () => {
      const counts = [load.commandsPerH, deliveries, asking];
      return `${costs(unit.bytes, counts, small)}${longer ? ` + ${whole(longer)} for other lengths` : ""}`;
    }),
    memory: priced(row, unit.process_bytes + inputs.users * unit.user_bytes, {}, () => {
      return `${size(unit.process_bytes)} + ${whole(inputs.users)} users × ${size(unit.user_bytes)}`;
    }),
    functionS: figure(ran, MODEL, () => {
      if (isHeld) return "the function runs for as long as the user is connected";
      return `${whole(requests)} requests × ${seconds(responseS)} + CPU time`;
    }),
    vendorMessages: figure(published * (1 + load.members), THEORY, () => {
      return `${whole(published)} publishes × (1 + ${whole(load.members)} subscribers)`;
    }),
    radio: figure(60 * radioShare(load, upkeepS), MODEL, () => {
      return `the radio stays on for ${RADIO_S} s after each packet; in silence one each ${small(upkeepS)} s`;
    }),
  };
}

/** Return the two figures that decide. */
export function decidingOf(row) {
  const { unit, load, inputs } = row;
  const cores = coresOf(row);
  const counts = [load.commands, load.events, askingOf(row).rate(load.events)];
  const why = () => `${whole(inputs.users)} users × (${costs(unit.cpu_s, counts, micros)}) a second`;
  return { p95: delayFigure(row, 0.95, cores), cores: priced(row, cores, unit.cpu_s, why) };
}

const figure = (value, basis, why, error) => ({ value, basis, why, error });

/** Write what the three causes cost: how often each, times its unit cost. */
const costs = (unit, counts, show) =>
  ["command", "delivery", "asking"]
    .map((cause, at) => `${small(counts[at])} × ${show(unit[cause])} (${cause})`)
    .join(" + ");

/** Return figures, and in their place what was measured at exactly these inputs, with its lowest and highest repeat. */
function withMeasured({ measured }, figures) {
  const made = { ...figures };
  const { load, repeats, ...spreads } = measured ?? {};
  for (const [name, [least, value, most]] of Object.entries(spreads)) {
    if (figures[name]?.value === undefined) continue;
    const { show } = FIGURES[name];
    const { value: said, why, error } = figures[name];
    const cell = () => `the load “${load}”, ${repeats} repeats: ${show(least)} to ${show(most)}`;
    made[name] = figure(value, MEASURED, () => `${cell()}; the formula says ${show(said)} = ${why()}`, error);
  }
  return made;
}

/** Return the cores that the servers are busy with while people talk. */
function coresOf(row) {
  const { command, delivery, asking } = row.unit.cpu_s;
  const { commands, events } = row.load;
  return row.inputs.users * (command * commands + delivery * events + asking * askingOf(row).rate(events));
}

/** Return how a client asks: its rate at a rate of events, what it waits for, and after how long it sends anyway. */
function askingOf({ transport, inputs: { poll, hold, delay }, constants: { settings } }) {
  const roundTripS = 2 * delay;
  if (transport.needs_push_service) {
    const rate = theory.heartbeatRequestsPerS(settings.lease_s);
    return { rate: () => rate, isRequest: true, upkeepS: 1 / rate, why: () => `a heartbeat each ${1 / rate} s` };
  }
  if (transport.reads === "poll") {
    const rate = theory.shortPollingRequestsPerS(1, poll, roundTripS);
    const why = () => `3,600 s / (${poll} s + ${seconds(roundTripS)}) polls`;
    return { rate: () => rate, isRequest: true, waitS: poll + roundTripS, upkeepS: poll, why };
  }
  if (transport.reads === "held") {
    const rate = (events) => theory.longPollingRequestsPerS(events, roundTripS, hold);
    const why = (busy, quiet) => `polls: ${whole(HOUR_S * busy)} per hour of talk, ${whole(HOUR_S * quiet)} of silence`;
    return { rate, isRequest: true, waitS: hold + roundTripS, upkeepS: hold, why };
  }
  return { rate: () => 1, isRequest: false, upkeepS: settings.ping_s, why: () => "none to receive" };
}

/** Return a figure that unit costs make; beyond the users that were measured it is a model. */
function priced(row, value, { error, least }, why) {
  const [isMore, heavy] = [isLarger(row), least < 1 ? `; heavy loads took as little as ${percent(least)} of it` : ""];
  const margin = error ? `; the loads it is fitted to lie within ± ${percent(error)} of this formula${heavy}` : "";
  return figure(value, isMore ? MODEL : BETWEEN, () => why() + margin + (isMore ? upTo(row) : ""), error);
}

const isLarger = ({ unit, inputs, load }) => inputs.users > unit.users_max || load.members > unit.members_max;
const upTo = ({ unit }) => `; measured with up to ${whole(unit.users_max)} users, ${whole(unit.members_max)} in a room`;

/** Return whether the servers' process would be too busy to be on time, or has more users than any measurement. */
export const isBeyond = (row, cores) => isLarger(row) || cores > row.constants.bills.assumptions.core_share_max;

function delayFigure(row, share, cores) {
  const most = row.constants.bills.assumptions.core_share_max;
  const isPale = isBeyond(row, cores);
  const processes = Math.ceil(cores / most);
  const beyond = () => {
    if (processes < 2) return upTo(row);
    return `; one process is too busy beyond ${percent(most)} of a core: this holds only with ${processes} of them`;
  };
  const basis = isPale ? MODEL : row.transport.reads === "poll" ? THEORY : BETWEEN;
  return figure(delayS(row, share), basis, () => delayWords(row, share) + (isPale ? beyond() : ""));
}

/** Return the formula of a delay with its numbers. */
function delayWords({ transport, unit, load, inputs: { poll, delay } }, share) {
  const way = `2 × ${seconds(delay)} on the way`;
  if (transport.reads === "poll") return `${way} + ${share} × (${poll} s + 2 × ${seconds(delay)}) until the next poll`;
  const [least, base, most] = unit.base_s[share < 0.95 ? "p50" : "p95"].map(seconds);
  const rearm = transport.reads === "held" ? " + the wait for the next request, if one is on its way" : "";
  const before = `${small(share * load.members)} others first × ${micros(unit.served_s)}`;
  return `${way} + ${base} on one machine (measured: ${least} to ${most}) + ${before}${rearm}`;
}

/** Return the delay in seconds that this share of the messages stays below. Readers are served one after the other. */
export function delayS({ transport, unit, load, inputs: { poll, hold, delay } }, share) {
  if (transport.reads === "poll") return theory.pushLatencyS(delay) + share * theory.pollWaitS(poll, delay);
  const askedPerS = theory.longPollingRequestsPerS(load.events, 2 * delay, hold);
  const rearmS = transport.reads === "held" ? theory.rearmWaitQuantileS(share, askedPerS, 2 * delay) : 0;
  const baseS = unit.base_s[share < 0.95 ? "p50" : "p95"][1];
  return theory.pushLatencyS(delay) + rearmS + share * load.members * unit.served_s + baseS;
}

const emptyShare = (load, waitS, busy, quiet) => {
  const asked = load.talking * busy;
  const inSilence = (1 - load.talking) * quiet;
  return (asked * theory.emptyShare(load.events, waitS) + inSilence) / (asked + inSilence);
};

/** Return the share of typing notices that are true when seen: half say that somebody stopped, and stay true. */
function stillTrue(row) {
  const { poll, delay } = row.inputs;
  const polled = (aliveS) => Math.max(0, theory.seenWhileTrue(aliveS - 2 * delay, theory.pollWaitS(poll, delay)));
  const pushed = (aliveS) => Number(delayS(row, 0.95) < aliveS);
  const seen = TYPING_S.map(row.transport.reads === "poll" ? polled : pushed);
  return 0.5 + seen.reduce((sum, each) => sum + each) / (2 * seen.length);
}

const radioShare = (load, upkeepS) =>
  load.talking * theory.radioOnShare(load.events, upkeepS, RADIO_S) +
  (1 - load.talking) * theory.radioOnShare(0, upkeepS, RADIO_S);
