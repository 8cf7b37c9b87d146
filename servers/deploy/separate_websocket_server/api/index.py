"""What Vercel's Python runtime serves: the API that writes the log. Lines are held by a WebSocket server elsewhere."""

from servers.deploy.environment import OnDemand

app = OnDemand("short_polling")
