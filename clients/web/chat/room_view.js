// What one client knows of a room: who is online, who types, who has read how far. As in clients/room_view.py.

const MESSAGES_MAX = 50;
const MEMBERS_MAX = 1000; // if there are more, the member who has been offline the longest is forgotten

export class RoomView {
  constructor(snapshot) {
    this.members = new Map(snapshot.members.map(({ user, name, online }) => [user, { name, online }]));
    this.receipts = new Map(Object.entries(snapshot.receipts));
    this.typingUntil = new Map();
    this.messages = snapshot.messages.slice(-MESSAGES_MAX);
  }

  /** nowMs: the time on the browser's monotonic clock. The lifetime of a typing notice starts at its arrival. */
  apply(events, nowMs) {
    for (const event of events) this[event.kind](event, nowMs);
  }

  message(event) {
    this.messages = [...this.messages, event].slice(-MESSAGES_MAX);
    this.typingUntil.delete(event.sender);
  }

  presence(event) {
    this.members.delete(event.sender);
    this.members.set(event.sender, { name: event.name, online: event.body === "online" }); // at the end
    this.#forgetSurplus();
    if (event.body === "offline") this.typingUntil.delete(event.sender);
  }

  typing(event, nowMs) {
    if (event.body === "started") this.typingUntil.set(event.sender, nowMs + event.expires_at_ms - event.at_ms);
    else this.typingUntil.delete(event.sender);
  }

  receipt(event) {
    this.receipts.set(event.sender, Math.max(Number(event.body), this.receipts.get(event.sender) ?? 0));
  }

  /** Return the names of the users whose typing notice has not expired, except for one user. */
  typers(nowMs, except) {
    const typing = [...this.typingUntil].filter(([user, until]) => until > nowMs && user !== except);
    return typing.map(([user]) => this.members.get(user)?.name ?? "somebody");
  }

  #forgetSurplus() {
    if (this.members.size <= MEMBERS_MAX) return;
    const [user] = [...this.members].find(([, { online }]) => !online) ?? [];
    this.members.delete(user);
    this.receipts.delete(user);
  }

  /** Return how many others have read a message. */
  readers(event) {
    return [...this.receipts].filter(([user, upTo]) => user !== event.sender && upTo >= event.seq).length;
  }
}
