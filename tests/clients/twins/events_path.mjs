// Prints the path from which the browser reads the events of the room that is given.

import { HttpSession } from "../../../clients/web/chat/http.js";

console.log(new HttpSession("", process.argv[2], null, {}).eventsPath({ epoch: "e", seq: 1 }));
