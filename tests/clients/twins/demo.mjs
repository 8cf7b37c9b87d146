// Prints how the demo's page bears silence: whether a command has a time limit, after how many ms a silent stream ends,
// and how often it has then been opened, and ended.

const timers = [];
let opened = 0;
let ended = 0;
globalThis.document = { querySelector: () => ({ content: "secret" }) };
globalThis.setTimeout = (run, ms) => timers.push({ run, ms });
globalThis.clearTimeout = () => {};
globalThis.fetch = async (_, { signal }) => new Response(JSON.stringify(signal instanceof AbortSignal));
globalThis.EventSource = class extends EventTarget {
  isOpened = ++opened;
  close = () => ++ended;
};

const { command, watch } = await import("../../../clients/web/page/demo.js");
const isLimited = await command("set_crowd");
const ignore = () => {};
watch("window", ignore, ignore);
const silence = timers.pop();
silence.run();
timers.pop().run();
console.log(isLimited, silence.ms, opened, ended);
