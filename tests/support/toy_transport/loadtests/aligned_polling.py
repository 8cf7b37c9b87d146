"""Aligned polling under load: every user polls when the clock shows a multiple of the interval."""

import time
from time import perf_counter

from loadtests.chat_user import ChatUser
from loadtests.users.generator_process import sleep_until
from servers.core.wire import Page


class AlignedPollingUser(ChatUser):
    def receive(self) -> Page:
        interval_s = self.workload.poll_interval_s
        sleep_until(perf_counter() + interval_s - time.time() % interval_s)
        return self.http.read(self.inbox.cursor)
