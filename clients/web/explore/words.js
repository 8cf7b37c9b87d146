// The answer in words: which transport, by which two figures, and what would change the choice.

import { listed, percent } from "../format.js";
import { DEPLOYMENTS, PEAK } from "./bills.js";
import { INPUTS } from "./inputs.js";
import { decidingOf, FIGURES, outcomes } from "./model.js";

const SERVED = {
  "pusher-and-serverless": (row) => row.reads === "poll" || row.needs_push_service,
  "separate-websocket-server": (row) => row.commands === "frames" || row.reads === "poll",
  "single-server": (row) => !row.needs_push_service,
};

/** Return { slug, next, others, inTime, fits }: the least work of those in time; others: those within the error of it.
 * next: the second best. inTime: whether any is in time. fits: whether one process can do it at the busiest moment.
 */
export function choiceOf(found, { deployment, late }, { transports, bills }) {
  const served = transports.map((row) => row.slug).filter((_, at) => SERVED[deployment](transports[at]));
  const most = deployment === "single-server" ? bills.assumptions.core_share_max / PEAK : Number.POSITIVE_INFINITY;
  const fitting = served.filter((slug) => found[slug].cores.value <= most);
  const able = fitting.length ? fitting : served;
  const prompt = able.filter((slug) => found[slug].p95.value < late);
  const deciding = prompt.length ? "cores" : "p95";
  const by = (slug) => found[slug][deciding].value;
  const [slug, ...rest] = (prompt.length ? prompt : able).toSorted((one, other) => by(one) - by(other));
  const margin = (each) => (1 + found[each].cores.error) / Math.max(0.1, 1 - found[slug].cores.error);
  const others = prompt.length ? rest.filter((each) => by(each) < by(slug) * margin(each)) : [];
  return { slug, next: rest[0], others, inTime: prompt.length > 0, fits: fitting.length > 0 };
}

/** Return the answer, as texts: { choice, also, p95, cores, why }, and its slug. */
export function answerOf(found, inputs, constants) {
  const labels = Object.fromEntries(constants.transports.map((row) => [row.slug, row.label]));
  const choice = choiceOf(found, inputs, constants);
  const late = INPUTS.late.show(inputs.late);
  const those = (isSo) => listed(constants.transports.filter(({ slug }) => isSo(slug)).map(({ label }) => label));
  const others = those((slug) => choice.others.includes(slug));
  const slower = those((slug) => found[slug].p95.value >= inputs.late);
  const busy = those((slug) => found[slug].cores.value > constants.bills.assumptions.core_share_max);
  const tooLate = slower ? `Too late: ${slower}.` : "All are in time.";
  const tooBusy = busy && `Too much work for one process: ${busy}.`;
  const beyond = found[choice.slug].cores.basis === "model" ? "These figures lie beyond what was measured." : "";
  const figures = choice.next && ["p95", "cores"].map((name) => FIGURES[name].show(found[choice.next][name].value));
  const next = figures ? `Next: ${labels[choice.next]}, ${figures.join(" and ")} cores.` : "";
  const least = `Of those in time (${late}) on this deployment, it takes the least CPU.`;
  const fastest = `Nothing that runs on this deployment is in time (${late}). This one is the fastest.`;
  const none = "One process cannot do this work on any transport. Choose a deployment that starts further processes.";
  const why = choice.inTime ? [least, next, tooLate, tooBusy, beyond] : [fastest, beyond];
  return {
    slug: choice.slug,
    choice: labels[choice.slug],
    also: others && `or ${others}: within the error, ±\u00a0${percent(found[choice.slug].cores.error)}`,
    p95: FIGURES.p95.show(found[choice.slug].p95.value),
    cores: FIGURES.cores.show(found[choice.slug].cores.value),
    why: choice.fits ? why.filter(Boolean).join(" ") : none,
  };
}

/** Return the smallest change of one input that makes another transport the choice: { changed, text, other }. */
export function changeOf(found, inputs, constants) {
  const { slug, others } = choiceOf(found, inputs, constants);
  let best = { distance: Number.POSITIVE_INFINITY };
  const tried = (name, value, distance) => {
    const all = { ...inputs, [name]: value };
    const other = choiceOf(outcomes(all, constants, decidingOf), all, constants);
    if (other.slug === slug || others.includes(other.slug) || other.others.includes(slug)) return false;
    best = { name, value, distance, other: other.slug };
    return true;
  };
  for (const [name, { values }] of Object.entries(INPUTS)) {
    const lower = values.filter((value) => value < inputs[name]).reverse();
    for (const side of [lower, values.filter((value) => value > inputs[name])]) {
      const near = side.slice(0, Math.ceil(Math.min(1, best.distance) * values.length - 1));
      near.some((value, away) => tried(name, value, (away + 1) / values.length));
    }
  }
  if (!best.other) Object.keys(DEPLOYMENTS).some((name) => tried("deployment", name, 1));
  if (!best.other) return { text: "No change of one input makes another one the choice." };
  const { label, show } = INPUTS[best.name] ?? { label: "Deployment", show: (name) => DEPLOYMENTS[name] };
  const text = `Try ${label.toLowerCase()}: ${show(best.value)} instead of ${show(inputs[best.name])}`;
  const other = constants.transports.find((row) => row.slug === best.other).label;
  return { changed: { [best.name]: best.value }, text, other };
}
