// Run the Pusher client in node: `node run_pusher_client.mjs` prints a JSON line for each thing that happens.
// PUSHER_HOST and PUSHER_PORT name a stand-in for the service; without them PUSHER_CLUSTER names the real one.

import Pusher from "pusher-js";
import { listen } from "./pusher_client.mjs";

const { PUSHER_KEY, PUSHER_CLUSTER, PUSHER_HOST, PUSHER_PORT } = process.env;
const standIn = { wsHost: PUSHER_HOST, wsPort: PUSHER_PORT, forceTLS: false, enabledTransports: ["ws"] };
const where = PUSHER_HOST ? { cluster: "local", ...standIn } : { cluster: PUSHER_CLUSTER };
const print = (facts) => console.log(JSON.stringify(facts));

listen(
  Pusher,
  PUSHER_KEY,
  where,
  (text) => print({ received: text }),
  () => print({ ready: true }),
);
print({ subscribing: true });
