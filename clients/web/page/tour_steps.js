// The tour's steps: what each does, what to look at, and the question that comes next, answered with this machine's own
// figures as the lanes count them.

import { bytes, duration, numeral, whole } from "./wording.js";

const DAY_S = 86_400;

/** Return a lane's figures, in words. */
function figures(lanes, slug) {
  const { counts, latencies, seen } = lanes.find(slug);
  return {
    median: duration(latencies.median),
    worst: duration(latencies.worst),
    requests: whole(counts?.requests ?? 0),
    empty: whole(counts?.empty_answers ?? 0),
    perMessage: seen ? ((counts?.requests ?? 0) / seen).toFixed(1) : "–",
    bytesPerMessage: seen ? bytes(Math.round((counts.up_bytes + counts.down_bytes) / seen)) : "–",
  };
}

const anew = async (controls, lanes, { rate = 0, pollS = 2, delayMs = 0 } = {}) => {
  controls.rate(0);
  controls.poll(pollS);
  await controls.cut(false);
  await controls.distance(delayMs);
  await lanes.countAnew();
  controls.rate(rate);
};

export const STEPS = [
  {
    title: "The problem: somebody has to tell the browser",
    look: "One message goes to every lane at the same moment. Watch the large figures: the same servers, the same log, and yet one lane is late.",
    question: "Is polling just slow?",
    answer: (lanes) => {
      const [short, socket] = ["short_polling", "raw_websocket"].map((slug) => figures(lanes, slug));
      return `The request is as fast as any; the question comes late. Here it took ${short.median} against ${socket.median}: on average half the interval, and never more than all of it.`;
    },
    act: async (controls, lanes) => {
      await anew(controls, lanes);
      lanes.send("Can you all see this?");
    },
  },
  {
    title: "Polling: asking for nothing, most of the time",
    lane: "short_polling",
    look: "Every 2 s the browser asks, and the drawing says “no”. The bar is on the browser's side: it is the one that waits.",
    question: "Then why does anybody poll?",
    answer: (lanes) => {
      const { requests, empty } = figures(lanes, "short_polling");
      return `It needs nothing but HTTP, and survives everything. ${empty} of ${requests} requests so far told nothing; in a busy room that share goes to nought, and one answer carries many messages.`;
    },
    act: (controls, lanes) => anew(controls, lanes),
  },
  {
    title: "Long polling: the server keeps the question",
    lane: "long_polling",
    look: "The bar has changed sides: the server holds each question until there is something to tell. News comes at once, and the next question follows it.",
    question: "What does it cost?",
    answer: (lanes) => {
      const { median, perMessage } = figures(lanes, "long_polling");
      return `A held request for every user, and a new one for each message: ${perMessage} requests per message here, sending included, for a median of ${median}. Where waiting is billed, it is dear.`;
    },
    act: (controls, lanes) => anew(controls, lanes, { rate: 1 }),
  },
  {
    title: "WebSocket: one line, both ways",
    lane: "raw_websocket",
    look: "No questions at all: the band is the open line, and every arrow on it is news. Typing, presence and receipts share it.",
    question: "And when the line breaks?",
    answer: (lanes) => {
      const { median, bytesPerMessage } = figures(lanes, "raw_websocket");
      return `The client comes back with its cursor and reads what it missed: cut the network to see it. A message takes ${median} and ${bytesPerMessage} here, its acknowledgement included.`;
    },
    act: async (controls, lanes) => {
      await anew(controls, lanes, { rate: 1 });
      await controls.crowd(true);
    },
  },
  {
    title: "Pusher: somebody else keeps the line",
    lane: "pusher_adapter",
    look: "Messages go to the API at the right; what comes back comes from the push service in the middle. Now the network is cut for 4 s: see who recovers.",
    question: "What if it loses an event?",
    answer: (lanes) => {
      const { median, worst } = figures(lanes, "pusher_adapter");
      const missing = [...lanes].reduce((sum, lane) => sum + lane.missing, 0);
      return `The log has it: clients read after subscribing, on a gap, and when a heartbeat tells them so. Median ${median}, worst ${worst} with the cut; ${missing ? `${whole(missing)} under way` : "nothing lost in any lane"}.`;
    },
    act: async (controls, lanes) => {
      await anew(controls, lanes, { rate: 1 });
      await controls.cut(true);
      setTimeout(() => controls.cut(false), 4000);
    },
  },
  {
    title: "The bill: the same messages, counted",
    look: "Nobody is cut off now, and two messages a second are written. Compare requests, empty answers and bytes across the lanes.",
    question: "So which one?",
    answer: (lanes) => {
      const told = [...lanes].map((lane) => `${lane.label.replace(/ \(.*/, "")} ${figures(lanes, lane.slug).perMessage}`);
      const polls = whole(DAY_S / (lanes.pollMs / 1000));
      return `Requests per message: ${told.join(", ")}. A poller asks ${polls} times a day whether there is news or not; ${numeral(2)} open lines ask never, but somebody must keep them.`;
    },
    act: async (controls, lanes) => {
      await controls.crowd(false);
      await anew(controls, lanes, { rate: 2 });
    },
  },
];
