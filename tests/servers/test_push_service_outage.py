"""A push service that is killed: it is started again, and meanwhile clients read over HTTP, and know nothing of it.

And what it says by webhooks of who is there: forged, repeated and late ones do no harm.
"""

import asyncio
import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import httpx
import pytest
from websockets.asyncio.server import ServerConnection, serve

from clients.conversation import ChatSession
from clients.errors import Refused
from clients.pusher_adapter import Connection
from clients.pusher_frames import Frame
from clients.pusher_socket import PusherSocket
from servers.core.wire import Event, Kind, ServiceAddress
from servers.deploy.child_process import ChildFailed, ChildProcess, free_port, started
from servers.deploy.deployment_processes import webhook_of
from servers.publisher import Publisher, PublishFailed, service_from_environment, socket_origin
from servers.pusher_service.authorization import hex_hmac, user_auth
