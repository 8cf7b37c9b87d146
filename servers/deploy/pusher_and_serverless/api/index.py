"""What Vercel's Python runtime serves: the API. vercel.json leads every request to this file's ASGI application."""

from servers.deploy.server import OnDemand

app = OnDemand("pusher_adapter")
