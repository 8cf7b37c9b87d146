// The answer in words: which transport, by which two figures, and what would change the choice.

import { listed, whole } from "../format.js";
import { billOf, DEPLOYMENTS } from "./bills.js";
import { INPUTS, LINKS } from "./inputs.js";
import { FIGURES, outcomes } from "./model.js";

const SERVED = {
  "pusher-and-serverless": (row) => row.reads === "poll" || row.needs_push_service,
  "separate-websocket-server": (row) => row.commands === "frames" || row.reads === "poll",
  "single-server": (row) => !row.needs_push_service,
};
const { p50, p95, requests, cores } = FIGURES;

/** Return { slug, others, inTime, fits }: the least work of those in time; others: those within the error of it.
 *
 * inTime: whether any is in time. fits: whether one process can do the work, where a deployment has only one.
 */
export function choiceOf(found, { deployment, late }, { transports, bills }) {
  const served = transports.map((row) => row.slug).filter((_, at) => SERVED[deployment](transports[at]));
  const most = deployment === "single-server" ? bills.assumptions.core_share_max : Number.POSITIVE_INFINITY;
  const fitting = served.filter((slug) => found[slug].cores.value <= most);
  const able = fitting.length ? fitting : served;
  const prompt = able.filter((slug) => found[slug].p95.value < late);
  const deciding = prompt.length ? "cores" : "p95";
  const by = (slug) => found[slug][deciding].value;
  const [slug, ...rest] = (prompt.length ? prompt : able).toSorted((one, other) => by(one) - by(other));
  const margin = (each) => 1 + Math.max(found[slug].cores.error, found[each].cores.error);
  const others = prompt.length ? rest.filter((each) => by(each) < by(slug) * margin(each)) : [];
  return { slug, others, inTime: prompt.length > 0, fits: fitting.length > 0 };
}

/** Return the answer: { slug, label, also, p95, cores, why, change }, all of which are text but the last. */
export function answerOf(found, inputs, constants) {
  const labels = Object.fromEntries(constants.transports.map((row) => [row.slug, row.label]));
  const choice = choiceOf(found, inputs, constants);
  const late = INPUTS.late.show(inputs.late);
  const slower = Object.keys(labels).filter((slug) => found[slug].p95.value >= inputs.late);
  const tooLate = slower.length ? `Too late: ${listed(slower.map((slug) => labels[slug]))}.` : "All are in time.";
  const least = `It takes the least CPU of those that run on this deployment and are in time (${late}). ${tooLate}`;
  const fastest = `Nothing that runs on this deployment is in time (${late}). This one is the fastest.`;
  const none = "One process cannot do this work on any transport. Choose a deployment that starts further processes.";
  return {
    slug: choice.slug,
    label: labels[choice.slug],
    also: listed(choice.others.map((slug) => labels[slug])),
    p95: p95.show(found[choice.slug].p95.value),
    cores: cores.show(found[choice.slug].cores.value),
    why: !choice.fits ? none : choice.inTime ? least : fastest,
    change: changeOf(choice, inputs, constants, labels),
  };
}

/** Return the smallest change of one input that makes another transport the choice: { changed, text, other }. */
function changeOf({ slug, others }, inputs, constants, labels) {
  let best = { distance: Number.POSITIVE_INFINITY };
  const tried = (name, value, distance) => {
    const all = { ...inputs, [name]: value };
    const other = choiceOf(outcomes(all, constants), all, constants);
    if (other.slug === slug || others.includes(other.slug) || other.others.includes(slug)) return false;
    best = { name, value, distance, other: labels[other.slug] };
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
  const text = `${label}: ${show(best.value)} instead of ${show(inputs[best.name])}`;
  return { changed: { [best.name]: best.value }, text, other: best.other };
}

/** Return what a deployment costs a month, as text. */
export function monthOf(deployment, { users }, load, { bills }) {
  const { usd } = billOf(deployment, users, load, bills);
  return `${DEPLOYMENTS[deployment]}: ${Number.isFinite(usd) ? `$${whole(usd)} a month` : "no plan is large enough"}`;
}

/** Return everything as text, to copy. */
export function textOf(found, inputs, load, constants, address) {
  const { label, also, why, change, ...figures } = answerOf(found, inputs, constants);
  const texts = constants.transports.map((row) => {
    const shown = Object.entries({ p50, p95, requests, cores }).map(([name, { title, show }]) => {
      return `${title}: ${show(found[row.slug][name].value)}`;
    });
    return `${row.label}. ${shown.join("; ")}`;
  });
  const asked = Object.entries(INPUTS).map(([name, each]) => `${each.label}: ${each.show(inputs[name])}`);
  const choices = `Link: ${LINKS[inputs.link]}. Deployment: ${DEPLOYMENTS[inputs.deployment]}`;
  const months = Object.keys(DEPLOYMENTS).map((name) => monthOf(name, inputs, load, constants));
  const numbers = `95 of 100 are seen within ${figures.p95}, with ${figures.cores} server cores`;
  const another = change.other ? `Another choice: ${change.other}, with ${change.text}.` : change.text;
  const answer = [`${label}${also && ` or ${also}`}: ${numbers}. ${why}`, another];
  return [answer, [...asked, choices], texts, months, [address]].map((part) => part.join("\n")).join("\n\n");
}
