// An outside check: the vendor's own client, pusher-js, against our stand-in for the vendor.
// Subscribes to a private channel and prints one JSON line per thing that happens, until an event arrives.
// Usage: node subscribe.mjs '{"key", "host", "port", "authEndpoint", "channel", "event", "transport"}'

import { createRequire } from "node:module";

const require = createRequire(new URL("../../../clients/web/package.json", import.meta.url));
const Pusher = require("pusher-js");

const wanted = JSON.parse(process.argv[2]);
const pusher = new Pusher(wanted.key, {
  cluster: "local", // mandatory, even though wsHost replaces it
  wsHost: wanted.host,
  wsPort: wanted.port,
  forceTLS: false,
  httpHost: wanted.host,
  httpPort: wanted.port,
  enabledTransports: [wanted.transport],
  channelAuthorization: { endpoint: wanted.authEndpoint },
});

function report(happened, facts, isLast = true) {
  console.log(JSON.stringify({ happened, ...facts }));
  if (isLast) pusher.disconnect();
}

const channel = pusher.subscribe(wanted.channel);
channel.bind("pusher:subscription_error", ({ status }) => report("refused", { status }));
channel.bind("pusher:subscription_succeeded", () => report("subscribed", {}, false));
channel.bind(wanted.event, (data) => report("event", { data }));
