// Prints how many of 1,000 pages a queue takes, the first that is read, and whether it then takes another.

import { Queue } from "../../../clients/web/chat/queue.js";

const queue = new Queue();
const taken = Array.from({ length: 1000 }, (_, page) => queue.put(page)).filter(Boolean);
console.log(taken.length, await queue.get(), queue.put(1000));
