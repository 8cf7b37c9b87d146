// A month's bill of the three deployments, as results/costs computes it: usage by meter, and the cheapest plan for it.

import { occupiedShare } from "./theory.js";

const HOUR_S = 3600;
const DAYS = 30;
const OPEN_H = 12; // the hours of a day in which the chat is in use
const OPEN_S = OPEN_H * HOUR_S * DAYS;
export const PEAK = 2; // users at the busiest moment, as a multiple of the mean
const GB = 1e9;
const MOST_USERS = 1e6;
const LIMITS = { credit_usd: "the plan's credit", database_cu_h: "hours of the database", cores: "one full core" };

export const DEPLOYMENTS = {
  "pusher-and-serverless": "Functions and Pusher",
  "separate-websocket-server": "Functions and a WebSocket server",
  "single-server": "One server",
};

/** Return the largest average of users online at whose busiest moment there are no more users than were measured. */
export const measuredUsers = (deployment, { rates }) =>
  rates[deployment === "pusher-and-serverless" ? "pusher_adapter" : "raw_websocket"].users_max / PEAK;

const amountOf = (rate, { commands, deliveries, userS }) =>
  rate.event * commands + rate.delivery * deliveries + rate.user_s * userS;

/** Return the usage of each service by meter. users: online on average in the open hours. longer: bytes of a text. */
function usageOf(deployment, users, { room, commandsPerH, longer = 0 }, { rates, assumptions }) {
  const { pusher_adapter: adapter, raw_websocket: sockets, server_sent_events: posts } = rates;
  const [commands, peak] = [users * commandsPerH * OPEN_H * DAYS, PEAK * users];
  const month = { commands, deliveries: commands * Math.min(room, users), userS: users * OPEN_S, peak, longer };
  if (deployment === "pusher-and-serverless") {
    const published = amountOf(adapter.publish_bytes, month) + longer * commands;
    const egress = amountOf(adapter.down_bytes, { ...month, deliveries: 0 }) + published;
    return {
      vercel: functions(amountOf(adapter.requests, month), amountOf(adapter.cpu_s, month), egress, assumptions),
      pusher: { messages_per_day: (commands + month.deliveries) / DAYS, connections: peak },
      neon: { database_cu_h: (assumptions.database_cu * OPEN_S * occupiedShare(users)) / HOUR_S },
    };
  }
  if (deployment === "single-server") {
    const usage = ownServer(sockets, month, assumptions, false);
    return { railway: usage, "one-process": usage };
  }
  const active = posts.cpu_s.event * commands; // a command costs a function what it cost this server
  return {
    vercel: functions(commands, active, posts.down_bytes.event * commands, assumptions),
    railway: ownServer(sockets, month, assumptions, true),
    neon: { database_cu_h: assumptions.database_cu * 24 * DAYS },
  };
}

/** Return the meters of a serverless host: an instance is alive while a request is in it. */
function functions(invocations, activeS, egressBytes, assumptions) {
  const inFlight = (invocations * assumptions.wait_s_per_request + activeS) / OPEN_S;
  const aliveS = OPEN_S * Math.max(occupiedShare(inFlight), inFlight / assumptions.requests_at_once);
  const memory_gb_h = (aliveS / HOUR_S) * assumptions.function_memory_gb;
  const counted = { invocations, edge_requests: invocations, egress_gb: egressBytes / GB };
  return { ...counted, active_cpu_h: activeS / HOUR_S, memory_gb_h };
}

/** Return the meters of a server of one's own; scalesOut: a second process starts when the first is full. */
function ownServer(rates, month, assumptions, scalesOut) {
  const share = month.peak / month.userS;
  const busiest = { commands: month.commands * share, deliveries: month.deliveries * share, userS: month.peak };
  const cores = amountOf(rates.cpu_s, busiest) / assumptions.core_share_max;
  const processes = scalesOut ? Math.max(1, Math.ceil(cores)) : 1;
  const memory_gb = (processes * rates.process_bytes + month.peak * rates.user_bytes) / GB;
  const egress_gb = (amountOf(rates.down_bytes, month) + month.longer * month.deliveries) / GB;
  const cpu_min = amountOf(rates.cpu_s, month) / 60;
  return { cores, memory_gb, cpu_min, memory_gb_min: memory_gb * 24 * 60 * DAYS, egress_gb };
}

/** Return { usd, exceeded } of a month: the limits for which something must be paid, as "service: meter". */
export function billOf(deployment, users, load, constants) {
  const usage = Object.entries(usageOf(deployment, users, load, constants));
  const items = usage.map(([service, used]) => ({ service, ...cheapest(constants.services[service], used) }));
  const paid = items.filter((item) => item.usd && item.exceeded);
  const named = paid.map((item) => `${item.service}: ${LIMITS[item.exceeded] ?? item.exceeded.replaceAll("_", " ")}`);
  return { usd: items.reduce((sum, item) => sum + item.usd, 0), exceeded: named };
}

/** Return for how many users nothing is paid, and which limit ends that. */
export function freeEnd(deployment, load, constants) {
  let [free, paid] = [0, MOST_USERS + 1];
  while (paid - free > 1) {
    const middle = Math.floor((free + paid) / 2);
    if (billOf(deployment, middle, load, constants).usd) paid = middle;
    else free = middle;
  }
  return { users: free, limit: paid > MOST_USERS ? "" : billOf(deployment, paid, load, constants).exceeded.join(", ") };
}

/** Return the cheapest plan's price, and the limit that rules out the next smaller plan. */
function cheapest({ plans }, usage) {
  const costs = plans.map((plan) => costOf(plan, usage));
  const usd = Math.min(...costs);
  const smaller = Number.isFinite(usd) ? plans.slice(0, costs.indexOf(usd)) : plans;
  const tooSmall = smaller.filter((plan) => costOf(plan, usage) === Number.POSITIVE_INFINITY).at(-1);
  const fullest = tooSmall && sharesOf(tooSmall, usage).toSorted(([, one], [, other]) => other - one)[0];
  return { usd, exceeded: fullest ? fullest[0] : "" };
}

function costOf(plan, usage) {
  if (sharesOf(plan, usage).some(([, share]) => share > 1)) return Number.POSITIVE_INFINITY;
  return plan.usd + Math.max(0, meteredUsd(plan, usage) - (plan.credit_usd ?? 0));
}

/** Return how much of each hard limit is used: a meter that is included and cannot be bought. */
function sharesOf({ included = {}, unit_usd = {}, credit_usd, credit_is_limit }, usage) {
  const limits = Object.entries(included).filter(([meter]) => !(meter in unit_usd));
  const shares = limits.map(([meter, most]) => [meter, usage[meter] / most]);
  if (credit_is_limit) shares.push(["credit_usd", meteredUsd({ included, unit_usd }, usage) / credit_usd]);
  return shares;
}

const meteredUsd = ({ included = {}, unit_usd = {} }, usage) =>
  Object.entries(unit_usd)
    .map(([meter, usd]) => Math.max(0, usage[meter] - (included[meter] ?? 0)) * usd)
    .reduce((sum, each) => sum + each, 0);
