// The answer in words: which transport, by which two figures, and what would change the choice.

import { listed } from "../format.js";
import { DEPLOYMENTS, PEAK } from "./bills.js";
import { INPUTS } from "./inputs.js";
import { decidingOf, FIGURES, outcomes } from "./model.js";

const SERVED = {
  "pusher-and-serverless": (row) => row.reads === "poll" || row.needs_push_service,
  "separate-websocket-server": (row) => row.commands === "frames" || row.reads === "poll",
  "single-server": (row) => !row.needs_push_service,
};
const nameOf = (slug, { transports }) => transports.find((row) => row.slug === slug).label.split(" (")[0];

/** Return { slug, next, others, inTime, fits, full }: who does the least work in time, the second best, whose errors
 * overlap, whether any is in time, whether one process is enough for any at the peak, and for whom it is not. */
export function choiceOf(found, { deployment, late, link }, { transports, bills, links }) {
  const served = transports.map((row) => row.slug).filter((_, at) => SERVED[deployment](transports[at]));
  const busiest = (slug) => PEAK * found[slug].cores.value * links[link][slug].cpu_s.least;
  const full = served.filter((slug) => busiest(slug) > bills.assumptions.core_share_max);
  const able = deployment === "single-server" ? served.filter((slug) => !full.includes(slug)) : served;
  const prompt = able.filter((slug) => found[slug].p95.value < late);
  const by = (slug) => found[slug][prompt.length ? "cores" : "p95"].value;
  const [slug, ...rest] = [prompt, able, served].find((slugs) => slugs.length).toSorted((a, b) => by(a) - by(b));
  const margin = (each) => (1 + found[each].cores.error) / Math.max(0.1, 1 - found[slug].cores.error);
  const others = prompt.length ? rest.filter((each) => by(each) < by(slug) * margin(each)) : [];
  return { slug, next: rest[0], others, inTime: prompt.length > 0, fits: able.length > 0, full };
}

/** Return the answer, as texts: { choice, also, p95, cores, why }, and its slug. */
export function answerOf(found, inputs, constants) {
  const name = (slug) => nameOf(slug, constants);
  const choice = choiceOf(found, inputs, constants);
  const late = INPUTS.late.show(inputs.late);
  const those = (isSo) => listed(Object.keys(found).filter(isSo).map(name));
  const others = those((slug) => choice.others.includes(slug));
  const slower = those((slug) => found[slug].p95.value >= inputs.late);
  const busy = those((slug) => choice.full.includes(slug));
  const tooLate = slower ? `Too late: ${slower}.` : "All are in time.";
  const tooBusy = busy && `Too much work for one process at the busiest moment: ${busy}.`;
  const beyond = found[choice.slug].cores.basis === "model" ? "These figures lie beyond what was measured." : "";
  const figures = choice.next && ["p95", "cores"].map((key) => FIGURES[key].show(found[choice.next][key].value));
  const next = figures ? `Next: ${name(choice.next)}, ${figures.join(" and ")} cores.` : "";
  const least = `Of those in time (${late}) on this deployment, it takes the least CPU.`;
  const fastest = `Nothing that runs on this deployment is in time (${late}). This one is the fastest.`;
  const none = `At the busiest moment, with ${PEAK} times as many users, one process is too few on every transport.`;
  const why = choice.inTime ? [least, next, tooLate, tooBusy, beyond] : [fastest, beyond];
  return {
    slug: choice.slug,
    choice: name(choice.slug),
    also: others && `or ${others}: their errors overlap`,
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
  return { changed: { [best.name]: best.value }, text, other: nameOf(best.other, constants) };
}
