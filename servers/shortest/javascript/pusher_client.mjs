// A client as tutorials write it, call for call. What is published before the service has confirmed the subscription is
// lost without an error, so `ready` is called then. `Pusher` is what the package pusher-js exports.

export function listen(Pusher, key, where, onMessage, ready) {
  const pusher = new Pusher(key, where);
  const channel = pusher.subscribe("chat-room");
  channel.bind("new-message", (data) => onMessage(data.text));
  channel.bind("pusher:subscription_succeeded", ready);
  return pusher;
}
