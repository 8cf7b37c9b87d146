"""Long polling of nchan: `locust -f loadtests/targets/nchan/long_polling.py --host http://127.0.0.1:8090`.

The same user as for our own server, with the requests of nchan.
"""

from loadtests import long_polling
from loadtests.targets.nchan.nchan_session import LongPollingSession


class NchanLongPollingUser(long_polling.LongPollingUser):
    """The server waits: it holds each read."""

    session_class = LongPollingSession
