// Prints whether a command of the demo's page has a time limit, after how many ms a silent stream is closed, and how
// often a stream has been opened and closed by then.

const timers = [];
const counts = { opened: 0, closed: 0 };
globalThis.document = { querySelector: () => ({ content: "secret" }) };
globalThis.setTimeout = (run, ms) => timers.push({ run, ms });
globalThis.clearTimeout = () => {};
globalThis.fetch = async (_, { signal }) => new Response(JSON.stringify(signal instanceof AbortSignal));
globalThis.EventSource = class extends EventTarget {
  constructor() {
    super();
    counts.opened += 1;
  }

  close() {
    counts.closed += 1;
  }
};

const { command, watch } = await import("../../../clients/web/page/demo.js");
const isLimited = await command("set_crowd");
const ignore = () => {};
watch("window", ignore, ignore);
const silence = timers.pop();
silence.run();
timers.pop().run();
console.log(JSON.stringify({ isLimited, silenceMs: silence.ms, ...counts }));
