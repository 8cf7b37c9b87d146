"""Long polling of nchan: `locust -f loadtests/targets/nchan/long_polling.py --host http://127.0.0.1:8090`.

The same user as for our own server, but for its line.
"""

from loadtests import long_polling
from loadtests.targets.nchan.nchan_connection import LongpollConnection


class NchanLongPollingUser(long_polling.LongPollingUser):
    """The server waits: to ask is to wait."""

    http_line = LongpollConnection
