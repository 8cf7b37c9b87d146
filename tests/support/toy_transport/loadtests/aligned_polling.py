"""Aligned polling under load: every user polls when the clock shows a multiple of the interval."""

import time

import gevent

from loadtests.chat_user import ChatUser
from servers.core.wire import Page


class AlignedPollingUser(ChatUser):
    def receive(self) -> Page:
        interval_s = self.workload.poll_interval_s
        gevent.sleep(interval_s - time.time() % interval_s)
        return self.http.read(self.inbox.cursor)
