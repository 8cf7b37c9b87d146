// The same client with the smallest correction: it sends once the connection is open.
// `WebSocket` is the browser's own, or that of the package `ws`: node had none before version 22.

export function connect(WebSocket, url, onMessage) {
  const socket = new WebSocket(url);
  socket.onmessage = (event) => onMessage(event.data);
  socket.onopen = () => socket.send("Hello!");
}
