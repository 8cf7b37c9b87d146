"""Long polling of nchan: `locust -f loadtests/dialects/nchan/long_polling.py --host http://127.0.0.1:8090`.

The same user as for our own server, but for its line.
"""

from loadtests import long_polling
from loadtests.dialects.nchan.nchan_line import LongpollLine


class NchanLongPollingUser(long_polling.LongPollingUser):
    """The server waits: to ask is to wait."""

    http_line = LongpollLine
