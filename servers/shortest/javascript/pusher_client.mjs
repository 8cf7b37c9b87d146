// A client as tutorials write it, call for call. It hears nothing of what was published before the service confirmed
// its subscription, and nobody tells it so: hence `ready`. `Pusher` is what the package pusher-js exports.

export function listen(Pusher, key, where, onMessage, ready) {
  const pusher = new Pusher(key, where);
  const channel = pusher.subscribe("chat-room");
  channel.bind("new-message", (data) => onMessage(data.text));
  channel.bind("pusher:subscription_succeeded", ready);
  return pusher;
}
