// The tour's steps: what each runs, what to watch, and the next question, answered with figures from this machine.

import { pause } from "../chat/pause.js";
import { bytes, duration, listed, median, whole } from "./format.js";

const DAY_MS = 86_400_000;
const CUT_MS = 4000;
const CLASSIC = "classic-hobby";
const HELD = { long_polling: "long polling", short_polling: "short polling", pusher_adapter: "Pusher" };

/** Return a lane's figures as text. Requests and bytes are all users', and so are the messages that divide them. */
function figures({ counts, latencies, seenOfAll, bill }) {
  const count = counts ?? { requests: 0, empty_answers: 0, up_bytes: 0, down_bytes: 0 };
  return {
    median: duration(median(latencies)),
    worst: duration(Math.max(...latencies)),
    requests: whole(count.requests),
    empty: whole(count.empty_answers),
    held: `${whole(bill?.function_s ?? 0)} s`,
    perMessage: seenOfAll ? (count.requests / seenOfAll).toFixed(1) : "–",
    bytesPerMessage: seenOfAll ? bytes(Math.round((count.up_bytes + count.down_bytes) / seenOfAll)) : "–",
  };
}

/** Return a step's answer; its `answer` is called with a function that returns a lane's figures, and the lanes. */
export const answerOf = (step, lanes) => step.answer((slug) => figures(lanes.find(slug)), lanes);

/** Return the action with which each step starts: all controls as they were at first, and counters at zero. */
export const reset =
  ({ rate = 0, host = "" } = {}) =>
  async (controls, lanes) => {
    controls.rate(0);
    controls.poll(2);
    await controls.delay(0);
    await controls.cut(false);
    await controls.crowd(false);
    await controls.host(host);
    await lanes.resetCounts();
    controls.rate(rate);
  };

export const STEPS = [
  {
    title: "The problem: somebody has to tell the browser",
    watch:
      "One message goes to every lane at the same moment. Watch the large figures: the same servers, the same log, " +
      "and yet one lane is late.",
    question: "Is polling just slow?",
    answer: (of) =>
      `The request is as fast as any; the question comes late. Here it took ${of("short_polling").median} against ` +
      `${of("raw_websocket").median}: on average half the interval, and never more than all of it.`,
    actions: [reset(), (_, lanes) => void lanes.send("Can you all see this?")],
  },
  {
    title: "Polling: asking for nothing, most of the time",
    lane: "short_polling",
    watch:
      "Every 2 s the browser asks, and the drawing says “no”. The bar is on the browser's side: it is the one that " +
      "waits.",
    question: "Then why does anybody poll?",
    answer: (of) =>
      `It needs nothing but HTTP, and survives everything. ${of("short_polling").empty} of ` +
      `${of("short_polling").requests} requests so far told nothing; in a busy room that share goes to nought, and ` +
      "one answer carries many messages.",
    actions: [reset()],
  },
  {
    title: "Long polling: the server keeps the question",
    lane: "long_polling",
    watch:
      "The bar has changed sides: the server holds each question until there is something to tell. News comes at " +
      "once, and the next question follows it.",
    question: "What does it cost?",
    answer: (of) =>
      `A held request for every user, and a new one for each message: ${of("long_polling").perMessage} requests per ` +
      `message here, sending included, for a median of ${of("long_polling").median}. Where waiting is billed, it is ` +
      "dear.",
    actions: [reset({ rate: 1 })],
  },
  {
    title: "WebSocket: one line, both ways",
    lane: "raw_websocket",
    watch:
      "No questions at all: the band is the open line, and every arrow on it is news. Typing, presence and " +
      "receipts share it.",
    question: "And when the line breaks?",
    answer: (of) =>
      "The client comes back with its cursor and reads what it missed; the next step shows it. My messages take " +
      `${of("raw_websocket").median} here, and everybody's together took ${of("raw_websocket").requests} requests: ` +
      "those with which people came in.",
    actions: [reset({ rate: 1 }), (controls) => controls.crowd(true)],
  },
  {
    title: "Serverless: the host hangs up",
    watch:
      "Every lane runs as a function now, on a classic host that ends each call after 10 s: watch the countdown. " +
      "The WebSocket never gets through, the long poll is cut and comes back, short polling does not notice.",
    question: "So there are no WebSockets on serverless?",
    answer: (of, lanes) => {
      const held = Object.entries(HELD).filter(([slug]) => lanes.find(slug));
      return (
        "On classic hosts there are none. Today's hold one for minutes, then cut it, and bill the waiting: so far " +
        `functions were held by ${listed(held.map(([slug, name]) => `${name} for ${of(slug).held}`))}.`
      );
    },
    actions: [reset({ rate: 1, host: CLASSIC })],
  },
  {
    title: "Pusher: somebody else keeps the line",
    lane: "pusher_adapter",
    watch:
      "The API is a function still, and yet news comes at once, from the push service in the middle. Now the " +
      "network is cut for 4 s: see who recovers.",
    question: "What if it loses an event?",
    answer: (of, lanes) => {
      const missing = lanes.all.reduce((sum, lane) => sum + lane.missing, 0);
      return (
        "The log has it: clients read after subscribing, on a gap, and when a heartbeat tells them so. Median " +
        `${of("pusher_adapter").median}, worst ${of("pusher_adapter").worst} with the cut; ` +
        `${missing ? `${whole(missing)} under way` : "nothing lost in any lane"}.`
      );
    },
    actions: [
      reset({ rate: 1, host: CLASSIC }),
      (controls) => controls.cut(true),
      () => pause(CUT_MS),
      (controls) => controls.cut(false),
    ],
  },
  {
    title: "The bill: the same messages, counted",
    watch:
      "Nobody is cut off now, and two messages a second are written. Compare requests, empty answers and bytes " +
      "across the lanes.",
    question: "So which one?",
    answer: (of, lanes) => {
      const each = lanes.all.map(({ label, slug }) => `${label.replace(/ \(.*/, "")} ${of(slug).perMessage}`);
      return (
        `Requests per message: ${each.join(", ")}. A poller asks ${whole(DAY_MS / lanes.pollMs)} times a ` +
        "day, news or not. An open line asks never, but somebody must keep it: " +
        `${of("raw_websocket").bytesPerMessage} a message on it, against ${of("short_polling").bytesPerMessage}.`
      );
    },
    actions: [reset({ rate: 2 })],
  },
];
