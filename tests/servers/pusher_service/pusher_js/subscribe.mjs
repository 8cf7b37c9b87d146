// An outside check: the vendor's own client, pusher-js, against our stand-in for the vendor.
// Subscribes to a private channel and prints one JSON line per thing that happens, until an event arrives.
// Usage: node subscribe.mjs '{"key", "host", "port", "authEndpoint", "channel", "event", "transport"}'

import { createRequire } from "node:module";

const require = createRequire(new URL("../../../../clients/web/package.json", import.meta.url));
const Pusher = require("pusher-js");

const DEADLINE_MS = 10_000;
const wanted = JSON.parse(process.argv[2]);
const report = (happened, facts = {}) => console.log(JSON.stringify({ happened, ...facts }));

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
const deadline = setTimeout(() => finish("deadline", 1), DEADLINE_MS);

function finish(happened, status, facts) {
  clearTimeout(deadline);
  report(happened, facts);
  pusher.disconnect();
  process.exitCode = status;
}

pusher.connection.bind("error", (error) => report("error", { error }));
const channel = pusher.subscribe(wanted.channel);
channel.bind("pusher:subscription_error", (error) => finish("refused", 0, { status: error.status }));
channel.bind("pusher:subscription_succeeded", () => report("subscribed", { socketId: pusher.connection.socket_id }));
channel.bind(wanted.event, (data) => finish("event", 0, { data }));
