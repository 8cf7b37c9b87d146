// The vendor's own client, pusher-js, subscribes to a public channel of a push service and waits for some events.
// It chooses its transport itself. Prints a JSON line when it has subscribed, and one per event: how late it came.
// Usage: node pusher_js.mjs '{"key", "host", "port", "channel", "event", "count"}'

import { createRequire } from "node:module";

const require = createRequire(new URL("../../../clients/web/package.json", import.meta.url));
const Pusher = require("pusher-js");
const { version } = require("pusher-js/package.json");

const wanted = JSON.parse(process.argv[2]);
const print = (facts) => console.log(JSON.stringify(facts));
const now = () => performance.timeOrigin + performance.now();

const startMs = now();
const pusher = new Pusher(wanted.key, {
  cluster: "local", // mandatory, even though hosts replace it
  wsHost: wanted.host,
  wsPort: wanted.port,
  httpHost: wanted.host,
  httpPort: wanted.port,
  forceTLS: false,
});
const channel = pusher.subscribe(wanted.channel);
channel.bind("pusher:subscription_succeeded", () => {
  const { name } = pusher.connection.connection.transport; // nothing public names it
  print({ transport: name, subscribed_s: (now() - startMs) / 1000, version });
});
process.stdin.on("end", process.exit).resume().unref(); // a parent that was killed has closed it
let received = 0;
channel.bind(wanted.event, ({ at_ms: atMs }) => {
  print({ latency_ms: now() - atMs });
  received += 1;
  if (received === wanted.count) pusher.disconnect();
});
