// The vendor's own client, pusher-js, subscribes to a public channel of a push service and waits for one event.
// Prints a JSON line when it has subscribed, and another when the event is there.
// Usage: node pusher_js.mjs '{"key", "host", "port", "channel", "event"}'

import { createRequire } from "node:module";

const require = createRequire(new URL("../../../clients/web/package.json", import.meta.url));
const Pusher = require("pusher-js");

const wanted = JSON.parse(process.argv[2]);
const tell = (happened) => console.log(JSON.stringify({ happened }));

const pusher = new Pusher(wanted.key, {
  cluster: "local", // mandatory, even though wsHost replaces it
  wsHost: wanted.host,
  wsPort: wanted.port,
  forceTLS: false,
  enabledTransports: ["ws"],
});
const channel = pusher.subscribe(wanted.channel);
channel.bind("pusher:subscription_succeeded", () => tell("subscribed"));
channel.bind(wanted.event, () => {
  tell("event");
  pusher.disconnect();
});
