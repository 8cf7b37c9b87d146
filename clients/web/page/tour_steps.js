// The tour's steps: what each runs, what to watch, and the next question, answered with figures from this machine.

import { pause } from "../chat/pause.js";
import { listed, whole } from "../format.js";
import { figuresOf } from "./figures.js";
import { sendSeries } from "./series.js";
import { showSummary } from "./summary.js";

const DAY_MS = 86_400_000;
const BUSY_MS = 6000;
const CUT_MS = 4000;
const SHOWN_MS = 500;
const COUNTED_MS = 1500; // longer than the servers' counters take to arrive
const CLASSIC = "classic-hobby";
const HELD = { long_polling: "long polling", short_polling: "short polling", pusher_adapter: "Pusher" };
const FIRST = { count: 8, everyMs: 1700 };
const LAST = { count: 20, everyMs: 430 };

/** Return a step's answer; its `answer` is called with a function that returns a lane's figures, and the lanes. */
export const answerOf = (step, lanes) => step.answer((slug) => figuresOf(lanes.find(slug)), lanes);

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

const wait = (ms) => (_controls, _lanes, signal) => pause(ms, signal);

/** Send the messages of the summary once every lane is connected; its figures change until all have been seen. */
async function summarize(_, lanes, signal) {
  while (!signal.aborted && !lanes.all.every(({ connected }) => connected)) await pause(SHOWN_MS, signal);
  await lanes.resetCounts();
  const show = () => {
    const least = Math.min(...lanes.all.map(({ seen }) => seen));
    showSummary(`The result on this machine: ${least} of ${LAST.count} messages seen in every lane`, lanes.all);
  };
  const timer = setInterval(show, SHOWN_MS);
  await sendSeries(lanes, LAST.count, LAST.everyMs, signal);
  await pause(COUNTED_MS, signal);
  clearInterval(timer);
  if (!signal.aborted)
    showSummary(`The result on this machine: the same ${LAST.count} messages in every lane`, lanes.all);
}

export const STEPS = [
  {
    title: "The problem: a browser does not know that a message has arrived",
    lane: "short_polling",
    watch:
      "The same messages go to every lane at the same moment. Compare the large figures: the servers store them in " +
      "the same way, and yet one lane shows them late.",
    question: "Is polling just slow?",
    answer: (of) =>
      `No: each request is fast, but it is sent too late. The median is ${of("short_polling").median} here, against ` +
      `${of("raw_websocket").median} by WebSocket: on average half the interval, and never more than all of it.`,
    actions: [reset(), (_, lanes, signal) => sendSeries(lanes, FIRST.count, FIRST.everyMs, signal)],
    showsAll: true,
  },
  {
    title: "Short polling: the browser asks again and again",
    lane: "short_polling",
    watch:
      "Nobody writes now. Still the browser asks every 2 s, and the answer is “no”. The bar is on the browser's " +
      "side, because the browser waits.",
    question: "Then why does anybody poll?",
    answer: (of) =>
      `It needs nothing but HTTP, and works on any host. ${of("short_polling").empty} of ` +
      `${of("short_polling").requests} requests brought nothing so far. In a busy room few are empty, and one ` +
      "response carries many messages.",
    actions: [reset()],
  },
  {
    title: "Long polling: the server keeps the request",
    lane: "long_polling",
    watch:
      "The bar has changed sides: the server holds each request until there is an event. A message arrives at once, " +
      "and the browser sends the next request.",
    question: "What does it cost?",
    answer: (of) =>
      "A held request for every user, and a new one after each event: " +
      `${of("long_polling").requestsPerMessage} requests per message here, sending included, for a ` +
      `median of ${of("long_polling").median}. It is expensive where waiting is billed.`,
    actions: [reset({ rate: 1 })],
  },
  {
    title: "WebSocket: one connection, both ways",
    lane: "raw_websocket",
    watch:
      "No requests: the band is the open connection. Five people join; then the network is cut for 4 s. Watch every " +
      "lane connect again and show what it missed.",
    question: "What happens to messages while the connection is lost?",
    answer: (of, lanes) => {
      const missing = lanes.all.reduce((sum, lane) => sum + lane.missing, 0);
      return (
        "They are in the log: the client connects again and reads on after the last event that it has. Median " +
        `${of("raw_websocket").median}, longest ${of("raw_websocket").longest} with the cut; ` +
        `${missing ? `${whole(missing)} still on the way` : "no message is lost in any lane"}.`
      );
    },
    actions: [
      reset({ rate: 1 }),
      (controls) => controls.crowd(true),
      wait(BUSY_MS),
      (controls) => controls.cut(true),
      wait(CUT_MS),
      (controls) => controls.cut(false),
    ],
  },
  {
    title: "HTTPS and HTTP/2: smaller requests, the same waiting",
    lane: "short_polling",
    link: "h2",
    watch:
      "Over HTTPS, browsers use HTTP/2: a header that was sent before is not sent again in full. These lanes use " +
      "HTTP/1.1 without TLS, so the figure comes from a measurement that is part of this project.",
    question: "Does HTTP/2 make polling as good as pushing?",
    answer: (_, { requestBytes: { plain, h2 } }) =>
      `No: only the bytes shrink. A request of short polling sent about ${h2} bytes over HTTP/2, ${plain} over ` +
      "HTTP/1.1 without TLS (committed measurement, not this machine now). The wait between two polls stays.",
    actions: [reset()],
  },
  {
    title: "Serverless: the host ends what takes long",
    lane: "long_polling",
    watch:
      "Every lane runs as a function now, on a classic host that ends each call after 10 s: watch the countdown. The " +
      "long poll is cut, and sent again; a short poll ends long before; a WebSocket is refused. Nobody writes.",
    question: "So there are no WebSockets on serverless?",
    answer: (of, lanes) => {
      const held = Object.entries(HELD).filter(([slug]) => lanes.find(slug));
      return (
        "Not on classic hosts. Today's hold one for minutes, cut it then, and bill the waiting. Cuts of the long " +
        `poll here: ${of("long_polling").cuts ?? 0}; time billed: ` +
        `${listed(held.map(([slug, name]) => `${of(slug).function_s ?? "0 s"} for ${name}`))}.`
      );
    },
    actions: [reset({ host: CLASSIC })],
    showsAll: true,
  },
  {
    title: "Pusher: another server holds the connection",
    lane: "pusher_adapter",
    watch:
      "The API still runs as a function, and yet messages arrive at once: from the push service in the middle, to " +
      "which the API publishes each event. The raw WebSocket is still refused.",
    question: "What if the push service loses an event?",
    answer: (of) =>
      "The log has it. A client reads after subscribing, when a number is missing, and when a heartbeat's response " +
      `names a later event. Median ${of("pusher_adapter").median}, longest ${of("pusher_adapter").longest} here.`,
    actions: [reset({ rate: 1, host: CLASSIC })],
  },
  {
    title: "The result: the same messages, counted",
    watch:
      "Every lane runs as a process again, and 20 messages are sent. The table compares what they took; it stays " +
      "when the tour ends.",
    question: "So which one?",
    answer: (of, lanes) =>
      `One that fits the host. A poller sends ${whole(DAY_MS / lanes.pollMs)} requests a day, whether or not anybody ` +
      "writes. An open connection sends none, but a server must hold it: " +
      `${of("raw_websocket").bytesPerMessage} per message on it, against ${of("short_polling").bytesPerMessage} by ` +
      "short polling.",
    actions: [reset(), summarize],
    isResult: true,
  },
];
