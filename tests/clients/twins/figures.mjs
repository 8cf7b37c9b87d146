// Prints how lanes compare, whose names and latencies are the argument.

import { comparisonOf } from "../../../clients/web/page/figures.js";

console.log(comparisonOf(JSON.parse(process.argv[2])));
