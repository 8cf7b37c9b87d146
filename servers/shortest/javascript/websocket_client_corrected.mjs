// The same client with the smallest correction: it speaks when the line is open.
// `WebSocket` is the browser's own, or that of the package `ws`: node had none before version 22.

export function talk(WebSocket, url, heard) {
  const line = new WebSocket(url);
  line.onmessage = (event) => heard(event.data);
  line.onopen = () => line.send("Hello!");
}
