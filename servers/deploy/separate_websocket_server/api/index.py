"""What Vercel's Python runtime serves: the API that writes the log. A server elsewhere holds the WebSockets."""

from servers.deploy.server import OnDemand

# Commands, log-in and history are plain HTTP on every transport; this one adds nothing that holds a request.
app = OnDemand("short_polling")
