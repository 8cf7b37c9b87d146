// What one client knows of a room: who is there, who types, who has read how far. The twin of clients/room_view.py.

const MESSAGES_MAX = 50;

export class RoomView {
  constructor(snapshot) {
    this.members = new Map(
      snapshot.members.map((member) => [member.user, { name: member.name, online: member.online }]),
    );
    this.receipts = new Map(Object.entries(snapshot.receipts));
    this.typingUntil = new Map();
    this.messages = snapshot.messages.slice(-MESSAGES_MAX);
  }

  apply(events) {
    for (const event of events) this[event.kind](event);
  }

  message(event) {
    this.messages.push(event);
    if (this.messages.length > MESSAGES_MAX) this.messages.shift();
    this.typingUntil.delete(event.sender);
  }

  presence(event) {
    this.members.set(event.sender, { name: event.name, online: event.body === "online" });
    if (event.body === "offline") this.typingUntil.delete(event.sender);
  }

  typing(event) {
    if (event.body === "started") this.typingUntil.set(event.sender, event.expires_at_ms);
    else this.typingUntil.delete(event.sender);
  }

  receipt(event) {
    this.receipts.set(event.sender, Math.max(Number(event.body), this.receipts.get(event.sender) ?? 0));
  }

  /** Return the names of those who type now, but for one user: their notices expire by themselves. */
  typers(nowMs, but) {
    const typing = [...this.typingUntil].filter(([user, until]) => until > nowMs && user !== but);
    return typing.map(([user]) => this.members.get(user)?.name ?? "somebody");
  }

  /** Return how many others have read a message. */
  readers(event) {
    return [...this.receipts].filter(([user, upTo]) => user !== event.sender && upTo >= event.seq).length;
  }
}
