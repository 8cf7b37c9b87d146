// Run one of the two clients in node: `node run_websocket_client.mjs ./websocket_client_corrected.mjs ws://...`
// Prints one JSON line: what was received and its type, or what was thrown.

import WebSocket from "ws";

const [file, url] = process.argv.slice(2);
const { connect } = await import(file);
const printAndExit = (facts) => {
  console.log(JSON.stringify(facts));
  process.exit();
};

try {
  connect(WebSocket, url, (data) => printAndExit({ received: String(data), type: data.constructor.name }));
} catch (error) {
  printAndExit({ threw: error.constructor.name, message: error.message });
}
