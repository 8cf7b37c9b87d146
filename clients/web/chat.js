// The chat in the browser: one user, one room, over the transport that this page's own server speaks.
//
// Opened by itself, it asks for a name. Within the demo it is a lane: the page around it sends the user's name and what
// they write, and receives which message was seen when. The two exchange messages, each checked for its exact origin.

import { ChatSession } from "./chat/conversation.js";
import { HttpSession } from "./chat/http.js";
import { $ } from "./dom.js";
import { arrowOf } from "./lane/arrows.js";
import { writtenAtMs } from "./lane/client_ids.js";
import { Diagram } from "./lane/diagram.js";
import { RoomWindow } from "./lane/room_window.js";

const demo = new URLSearchParams(location.search).get("page"); // the origin of the page around this one, if any
const options = { pollMs: 2000, pushService: {} };

const postToDemo = (message) => demo && parent.postMessage(message, demo);
const onDemoMessage = (handle) => addEventListener("message", ({ origin, data }) => origin === demo && handle(data));
const fail = (error) => {
  $("trouble").hidden = false;
  $("trouble").textContent = error.message;
  $("room").hidden = true;
  $("enter").hidden = !!demo;
  postToDemo({ kind: "failed", detail: error.message });
};

/** Join the room and chat until the page is closed. */
async function chat({ name, token, room = "lobby", colour }) {
  const { transport, needs_push_service: service } = await (await fetch("/health")).json();
  const { Connection } = await import(`./transports/${transport}.js`);
  if (colour) document.documentElement.style.setProperty("--hue", colour);
  document.title = `${name} in ${room}`;
  $("room").hidden = false;
  const diagram = new Diagram($("diagram"), { service });
  const http = new HttpSession(location.origin, room, (...traffic) => {
    const arrow = arrowOf(...traffic);
    if (arrow) diagram.add(arrow);
  });
  let view;
  const session = new ChatSession(http, new Connection(http, options), {
    onEvents: (events) => {
      reportSeen(events);
      view.add(events);
    },
    onConnection: () => {
      postToDemo({ kind: "connection", connected: session.connected });
      view?.show();
    },
  });
  addEventListener("pagehide", () => session.end()); // where a browser does not send this in frames, the lease expires
  await session.start(name, token);
  view = new RoomWindow(session);
  obeyDemo(session, view, diagram);
  postToDemo({ kind: "joined", account: session.account });
  await session.receive();
}

/** Report to the demo which messages were seen now, and how long after they were written. */
function reportSeen(events) {
  const now = performance.timeOrigin + performance.now();
  for (const event of events.filter(({ kind }) => kind === "message")) {
    const writtenMs = writtenAtMs(event.client_id);
    postToDemo({ kind: "seen", id: event.client_id, latencyMs: writtenMs && Math.max(0, now - writtenMs) });
  }
}

function obeyDemo(session, view, diagram) {
  const commands = {
    send: ({ text, id }) =>
      session.send(text, id).then(
        () => postToDemo({ kind: "stored", id }),
        (error) => postToDemo({ kind: "refused", id, detail: error.message }),
      ),
    typing: ({ text }) => view.notifyTyping(text),
    poll: ({ ms }) => (options.pollMs = ms),
    limit: ({ s }) => (diagram.limitS = s),
  };
  onDemoMessage((message) => commands[message.kind]?.(message));
}

function start(user) {
  Object.assign(options, user.options);
  chat(user).catch(fail);
}

if (demo) {
  onDemoMessage((message) => message.kind === "start" && start(message));
  postToDemo({ kind: "loaded" });
} else {
  $("enter").hidden = false;
  $("enter").onsubmit = (submitted) => {
    submitted.preventDefault();
    $("enter").hidden = $("trouble").hidden = true;
    start({ name: $("name").value });
  };
}
