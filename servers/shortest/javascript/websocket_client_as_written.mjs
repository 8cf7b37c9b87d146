// A client as tutorials write it, call for call and in that order: it speaks before the line is open.
// `WebSocket` is the browser's own, or that of the package `ws`: node had none before version 22.

export function talk(WebSocket, url, heard) {
  const line = new WebSocket(url);
  line.onmessage = (event) => heard(event.data);
  line.send("Hello!");
}
