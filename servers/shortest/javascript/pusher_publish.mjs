// What an API route does with Pusher: one call, and the service pushes. `node pusher_publish.mjs "Hello!"`
// PUSHER_HOST and PUSHER_PORT name a stand-in for the service; without them PUSHER_CLUSTER names the real one.

import Pusher from "pusher";

const { PUSHER_APP_ID, PUSHER_KEY, PUSHER_SECRET, PUSHER_CLUSTER, PUSHER_HOST, PUSHER_PORT } = process.env;
const where = PUSHER_HOST ? { host: PUSHER_HOST, port: PUSHER_PORT, useTLS: false } : { cluster: PUSHER_CLUSTER };
const pusher = new Pusher({ appId: PUSHER_APP_ID, key: PUSHER_KEY, secret: PUSHER_SECRET, ...where });

await pusher.trigger("chat-room", "new-message", { text: process.argv[2] });
