// The chat in the browser: one user, one room, over the transport that this page's own server speaks.
//
// Opened by itself, it asks for a name. Within the demo it is a lane: the page around it says who the user is and what
// they write, and hears what was seen when. The two talk by messages, each checked for its exact origin.

import { ChatSession } from "./chat/conversation.js";
import { HttpSession } from "./chat/http.js";
import { Diagram } from "./lane/diagram.js";
import { told } from "./lane/wording.js";
import { RoomWindow } from "./lane/room_window.js";
import { writtenAtMs } from "./lane/client_ids.js";

const $ = (id) => document.getElementById(id);
const around = new URLSearchParams(location.search).get("page");
const options = { pollMs: 2000, pushService: {} };

const tell = (what) => around && parent.postMessage(what, around);
const fail = (error) => {
  $("trouble").hidden = false;
  $("trouble").textContent = error.message;
  $("room").hidden = true;
  $("enter").hidden = !!around;
  tell({ kind: "failed", detail: error.message });
};

/** Join the room and chat until the page is closed. */
async function chat({ name, token, room = "lobby", colour }) {
  const { transport, needs_push_service: service } = await (await fetch("/health")).json();
  const { Connection } = await import(`./transports/${transport}.js`);
  if (colour) document.documentElement.style.setProperty("--hue", colour);
  document.title = `${name} in ${room}`;
  $("room").hidden = false;
  const diagram = new Diagram($("diagram"), { service });
  const heard = (way, about, said) => {
    const drawn = told(way, about, said);
    if (drawn) diagram.add(drawn);
  };
  const http = new HttpSession(location.origin, room, heard);
  const talk = new ChatSession(http, new Connection(http, options), {
    told: (events) => {
      report(events);
      shown.add(events);
    },
    changed: () => {
      tell({ kind: "line", connected: talk.connected });
      shown?.show();
    },
  });
  let shown;
  addEventListener("pagehide", () => talk.end()); // not every browser lets a frame say goodbye: then its lease runs out
  await talk.start(name, token);
  shown = new RoomWindow(talk);
  obey(talk, shown, diagram);
  tell({ kind: "joined", account: talk.account });
  await talk.listen();
}

/** Tell the page around when each message was seen, and how long after it was written. */
function report(events) {
  const now = performance.timeOrigin + performance.now();
  for (const event of events.filter(({ kind }) => kind === "message")) {
    const writtenMs = writtenAtMs(event.client_id);
    tell({ kind: "seen", id: event.client_id, tookMs: writtenMs && Math.max(0, now - writtenMs) });
  }
}

/** Do what the page around asks for. */
function obey(talk, shown, diagram) {
  const deeds = {
    send: ({ text, id }) =>
      talk.send(text, id).then(
        () => tell({ kind: "stored", id }),
        (error) => tell({ kind: "refused", id, detail: error.message }),
      ),
    typing: ({ text }) => shown.tellTyping(text),
    poll: ({ ms }) => (options.pollMs = ms),
    limit: ({ s }) => (diagram.limitS = s),
  };
  addEventListener("message", ({ origin, data }) => origin === around && deeds[data.kind]?.(data));
}

function begin(wishes) {
  Object.assign(options, wishes.options);
  chat(wishes).catch(fail);
}

if (around) {
  addEventListener("message", ({ origin, data }) => origin === around && data.kind === "start" && begin(data));
  tell({ kind: "loaded" });
} else {
  $("enter").hidden = false;
  $("enter").onsubmit = (submitted) => {
    submitted.preventDefault();
    $("enter").hidden = $("trouble").hidden = true;
    begin({ name: $("name").value });
  };
}
