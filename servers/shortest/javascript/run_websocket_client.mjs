// Run one of the two clients in node: `node run_websocket_client.mjs ./websocket_client_corrected.mjs ws://...`
// Prints one JSON line: what was heard and as what, or what was thrown.

import WebSocket from "ws";

const [file, url] = process.argv.slice(2);
const { talk } = await import(file);
const told = (facts) => {
  console.log(JSON.stringify(facts));
  process.exit();
};

try {
  talk(WebSocket, url, (data) => told({ heard: String(data), as: data.constructor.name }));
} catch (error) {
  told({ threw: error.constructor.name, message: error.message });
}
