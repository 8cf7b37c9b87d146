// Prints a new id, and the time in an id that is given.

import { newClientId, writtenAtMs } from "../../../clients/web/lane/client_ids.js";

console.log(newClientId(), writtenAtMs(process.argv[2]));
