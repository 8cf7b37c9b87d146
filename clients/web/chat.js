// The chat in the browser: one user, one room, over the transport of this page's own server.
//
// Opened by itself, the page asks for a name. Reloaded, or restored by the browser's Back button, it continues as the
// same user; closed, it leaves the room. Within the demo it is a lane: the page around it sends the user's name and
// messages, and gets a report of each message that was seen. Only the page that has this one in a frame may do that,
// and only from an origin that the server states in `/health`: a link to this page must not decide who controls it.

import { ChatSession } from "./chat/conversation.js";
import { NoWebSocket } from "./chat/errors.js";
import { HttpSession } from "./chat/http.js";
import { RESPONSE_MS } from "./chat/within.js";
import { $ } from "./dom.js";
import { arrowOf } from "./lane/arrows.js";
import { nowMs, writtenAtMs } from "./lane/client_ids.js";
import { Diagram } from "./lane/diagram.js";
import { showWebSockets, WaitingRequests, watchPolicy } from "./lane/notice.js";
import { RoomWindow } from "./lane/room_window.js";

// Storage is per origin, which is the server's: no other page can read a token.
const NAME = "name"; // the key of this window's user, for as long as the window is open
const tokenKey = (name) => `token of ${name}`;
const isFramed = parent !== window;
const options = { pollMs: 2000, pushService: {} };
const commands = {}; // kind of message -> the function that carries it out
let demo = ""; // the origin of the page around this one, once it has sent a message

const postToDemo = (message) => demo && parent.postMessage(message, demo);
const fail = (error) => {
  $("trouble").hidden = false;
  $("trouble").textContent = error.message;
  $("room").hidden = true;
  $("enter").hidden = !$("enter").onsubmit; // in a frame, or if the page could not be loaded
  postToDemo({ kind: "failed", detail: error.message });
};

/** Join the room and chat until the page is closed. */
async function chat(server, { name, token, room = "lobby", colour }) {
  if (colour) document.documentElement.style.setProperty("--hue", colour);
  document.title = `${name} in ${room}`;
  $("room-name").textContent = room;
  $("room").hidden = false;
  const diagram = new Diagram($("diagram"), { service: server.needs_push_service });
  const waiting = new WaitingRequests();
  const onTraffic = (...traffic) => {
    if (server.Connection.holdsRequest) waiting.add(...traffic);
    const arrow = arrowOf(...traffic);
    if (arrow) diagram.add(arrow);
  };
  const http = new HttpSession(location.origin, room, onTraffic, server);
  let view;
  const session = new ChatSession(http, new server.Connection(http, options), {
    onEvents: (events) => {
      reportSeen(events);
      view.add(events);
    },
    onLost: (error) => error instanceof NoWebSocket && showWebSockets(false),
    onConnection: () => {
      if (session.connected) showWebSockets(true);
      postToDemo({ kind: "connection", connected: session.connected });
      view?.show();
    },
  });
  addEventListener("pagehide", () => session.suspend()); // some frames get no such event: then the lease expires
  addEventListener("pageshow", ({ persisted }) => persisted && session.resume()); // after the Back button
  await session.start(name, token);
  if (!isFramed) localStorage.setItem(tokenKey(name), session.account.token);
  view = new RoomWindow(session, { showsTimes: !isFramed });
  if (!isFramed) $("text").focus();
  Object.assign(commands, commandsOf(view, diagram));
  postToDemo({ kind: "joined", account: session.account });
  await session.receive();
}

/** Report to the demo which messages were seen now, and how long after they were written. */
function reportSeen(events) {
  const seenMs = nowMs();
  for (const event of events.filter(({ kind }) => kind === "message")) {
    const writtenMs = writtenAtMs(event.client_id);
    event.latencyMs = writtenMs && Math.max(0, seenMs - writtenMs);
    postToDemo({ kind: "seen", id: event.client_id, latencyMs: event.latencyMs });
  }
}

function commandsOf(view, diagram) {
  return {
    send: ({ text, id }) =>
      view.send(text, id).then(
        () => postToDemo({ kind: "stored", id }),
        (error) => postToDemo({ kind: "refused", id, detail: error.message }),
      ),
    typing: ({ text }) => view.notifyTyping(text),
    poll: ({ ms }) => (options.pollMs = ms),
    limit: ({ s }) => (diagram.limitS = s),
  };
}

/** Be a lane of the page around this one, if that page's origin is one that the server states. */
function beLane(server) {
  commands.start = (user) => {
    delete commands.start;
    Object.assign(options, user.options);
    chat(server, user).catch(fail);
  };
  addEventListener("message", ({ origin, source, data }) => {
    if (source !== parent || !server.framed_by.includes(origin)) return;
    demo = origin;
    commands[data.kind]?.(data);
  });
  parent.postMessage({ kind: "loaded" }, "*"); // to any origin: it contains no secret
}

/** Be a chat by itself. After a reload, and in a second window with the same name, it belongs to the same user. */
function beWindow(server) {
  document.body.classList.add("is-window");
  $("text").placeholder = "Write a message";
  for (const node of document.querySelectorAll(".transport")) node.textContent = server.label;
  const enter = (name) => {
    $("enter").hidden = $("trouble").hidden = true;
    chat(server, { name, token: localStorage.getItem(tokenKey(name)) ?? "" }).catch((error) => {
      sessionStorage.removeItem(NAME);
      fail(error);
    });
  };
  $("enter").onsubmit = (submitted) => {
    submitted.preventDefault();
    sessionStorage.setItem(NAME, $("name").value.trim());
    if ($("trouble").hidden) enter(sessionStorage.getItem(NAME));
    else location.reload(); // a chat that has failed leaves its diagram, messages and timers
  };
  $("enter").hidden = false;
  const restored = sessionStorage.getItem(NAME);
  if (restored) enter(restored);
}

async function load() {
  watchPolicy();
  const health = await (await fetch("/health", { signal: AbortSignal.timeout(RESPONSE_MS) })).json();
  const server = { ...health, ...(await import(`./transports/${health.transport}.js`)) }; // while a connection is free
  if (isFramed) beLane(server);
  else beWindow(server);
}

load().catch(fail);
