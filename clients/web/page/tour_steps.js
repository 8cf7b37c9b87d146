// The tour's steps: what each does, what to look at, and the question that comes next, answered with this machine's own
// figures as the lanes count them.

import { pause } from "../chat/pause.js";
import { bytes, duration, listed, whole } from "./wording.js";

const DAY_S = 86_400;

const CUT_MS = 4000;
const CLASSIC = "classic-hobby";
const HELD = { long_polling: "long polling", short_polling: "short polling", pusher_adapter: "Pusher" };

/** Return a lane's figures, in words. Requests and bytes are everybody's, and so are the messages that share them. */
function figures(lanes, slug) {
  const { counts, latencies, heardOf } = lanes.find(slug);
  const count = counts ?? { requests: 0, empty_answers: 0, up_bytes: 0, down_bytes: 0 };
  return {
    median: duration(latencies.median),
    worst: duration(latencies.worst),
    requests: whole(count.requests),
    empty: whole(count.empty_answers),
    perMessage: heardOf ? (count.requests / heardOf).toFixed(1) : "–",
    bytesPerMessage: heardOf ? bytes(Math.round((count.up_bytes + count.down_bytes) / heardOf)) : "–",
  };
}

/** Return the deed with which each step begins: everything as it was at first, and counters at nothing. */
export const afresh =
  ({ rate = 0, host = "" } = {}) =>
  async (controls, lanes) => {
    controls.rate(0);
    controls.poll(2);
    await controls.distance(0);
    await controls.cut(false);
    await controls.crowd(false);
    await controls.host(host);
    await lanes.countAnew();
    controls.rate(rate);
  };

export const STEPS = [
  {
    title: "The problem: somebody has to tell the browser",
    look:
      "One message goes to every lane at the same moment. Watch the large figures: the same servers, the same log, " +
      "and yet one lane is late.",
    question: "Is polling just slow?",
    answer: (lanes) => {
      const [short, socket] = ["short_polling", "raw_websocket"].map((slug) => figures(lanes, slug));
      return (
        `The request is as fast as any; the question comes late. Here it took ${short.median} against ` +
        `${socket.median}: on average half the interval, and never more than all of it.`
      );
    },
    deeds: [afresh(), (_, lanes) => void lanes.send("Can you all see this?")],
  },
  {
    title: "Polling: asking for nothing, most of the time",
    lane: "short_polling",
    look:
      "Every 2 s the browser asks, and the drawing says “no”. The bar is on the browser's side: it is the one that " +
      "waits.",
    question: "Then why does anybody poll?",
    answer: (lanes) => {
      const { requests, empty } = figures(lanes, "short_polling");
      return (
        `It needs nothing but HTTP, and survives everything. ${empty} of ${requests} requests so far told nothing; ` +
        "in a busy room that share goes to nought, and one answer carries many messages."
      );
    },
    deeds: [afresh()],
  },
  {
    title: "Long polling: the server keeps the question",
    lane: "long_polling",
    look:
      "The bar has changed sides: the server holds each question until there is something to tell. News comes at " +
      "once, and the next question follows it.",
    question: "What does it cost?",
    answer: (lanes) => {
      const { median, perMessage } = figures(lanes, "long_polling");
      return (
        `A held request for every user, and a new one for each message: ${perMessage} requests per message here, ` +
        `sending included, for a median of ${median}. Where waiting is billed, it is dear.`
      );
    },
    deeds: [afresh({ rate: 1 })],
  },
  {
    title: "WebSocket: one line, both ways",
    lane: "raw_websocket",
    look:
      "No questions at all: the band is the open line, and every arrow on it is news. Typing, presence and " +
      "receipts share it.",
    question: "And when the line breaks?",
    answer: (lanes) => {
      const { median, requests } = figures(lanes, "raw_websocket");
      return (
        "The client comes back with its cursor and reads what it missed; the next step shows it. My messages take " +
        `${median} here, and everybody's together took ${requests} requests: those with which people came in.`
      );
    },
    deeds: [afresh({ rate: 1 }), (controls) => controls.crowd(true)],
  },
  {
    title: "Serverless: the host hangs up",
    look:
      "Every lane runs as a function now, on a classic host that ends each call after 10 s: watch the countdown. " +
      "The WebSocket never gets through, the long poll is cut and comes back, short polling does not notice.",
    question: "So there are no WebSockets on serverless?",
    answer: (lanes) => {
      const held = Object.entries(HELD).filter(([slug]) => lanes.find(slug));
      const billed = held.map(([slug, name]) => `${name} for ${whole(lanes.find(slug).bill?.function_s ?? 0)} s`);
      return (
        "On classic hosts there are none. Today's hold one for minutes, then cut it, and bill the waiting: so far " +
        `functions were held by ${listed(billed)}.`
      );
    },
    deeds: [afresh({ rate: 1, host: CLASSIC })],
  },
  {
    title: "Pusher: somebody else keeps the line",
    lane: "pusher_adapter",
    look:
      "The API is a function still, and yet news comes at once, from the push service in the middle. Now the " +
      "network is cut for 4 s: see who recovers.",
    question: "What if it loses an event?",
    answer: (lanes) => {
      const { median, worst } = figures(lanes, "pusher_adapter");
      const missing = [...lanes].reduce((sum, lane) => sum + lane.missing, 0);
      return (
        "The log has it: clients read after subscribing, on a gap, and when a heartbeat tells them so. Median " +
        `${median}, worst ${worst} with the cut; ` +
        `${missing ? `${whole(missing)} under way` : "nothing lost in any lane"}.`
      );
    },
    deeds: [
      afresh({ rate: 1, host: CLASSIC }),
      (controls) => controls.cut(true),
      () => pause(CUT_MS),
      (controls) => controls.cut(false),
    ],
  },
  {
    title: "The bill: the same messages, counted",
    look:
      "Nobody is cut off now, and two messages a second are written. Compare requests, empty answers and bytes " +
      "across the lanes.",
    question: "So which one?",
    answer: (lanes) => {
      const told = [...lanes].map(
        (lane) => `${lane.label.replace(/ \(.*/, "")} ${figures(lanes, lane.slug).perMessage}`,
      );
      const polls = whole(DAY_S / (lanes.pollMs / 1000));
      return (
        `Requests per message: ${told.join(", ")}. A poller asks ${polls} times a day, news or not. An open line ` +
        `asks never, but somebody must keep it: ${figures(lanes, "raw_websocket").bytesPerMessage} a message on ` +
        `it, against ${figures(lanes, "short_polling").bytesPerMessage}.`
      );
    },
    deeds: [afresh({ rate: 2 })],
  },
];
