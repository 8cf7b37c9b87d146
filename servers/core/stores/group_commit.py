"""One thread that writes, and commits everything that arrived meanwhile as one transaction.

Teaches group commit: a commit waits for the disk, so the writes that arrive during one commit share the next, and each
is acknowledged only when its own transaction is on disk. The number of waiting writes is bounded, since requests may
come faster than the disk writes, and they stay in the queue when their clients are gone. Leaves out the operations.
"""

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

from servers.core.errors import ChatError, Unavailable
from servers.core.stores.faults import Faults
from servers.core.wire import Event

BATCH_MAX = 512
WAITING_BYTES_MAX = 64 * 1024 * 1024
OPERATION_BYTES = 1024  # about how much memory a waiting operation takes, beside its text
Result = TypeVar("Result")
Operation = Callable[[sqlite3.Connection, list[Event]], Result]
"""Runs inside the transaction and adds the events it appends to the list. It checks before it writes: a ChatError
that it raises goes to its caller, and has changed nothing."""


class _Job(NamedTuple):
    operation: Operation[Any]
    result: asyncio.Future[Any]
    size_bytes: int


class GroupCommit(threading.Thread):
    """Owns the writing connection, and closes it. `on_commit` gets the events of each transaction, on the event loop.

    check: called before and after each transaction; if it raises, the transaction counts as failed.
    """

    def __init__(
        self,
        database: sqlite3.Connection,
        check: Callable[[], None],
        on_commit: Callable[[Sequence[Event]], None],
        faults: Faults,
    ) -> None:
        super().__init__(name="group-commit", daemon=True)
        self._database = database
        self._check = check
        self._on_commit = on_commit
        self._faults = faults
        self._loop = asyncio.get_running_loop()
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._closed = False
        self._waiting_bytes = 0

    async def run_in_commit(self, operation: Operation[Result], text_bytes: int = 0) -> Result:
        """Run the operation in the next transaction; return its result once that is on disk.

        text_bytes: how much memory its text takes. Raises what the operation raised, or Unavailable if the commit
        failed, the writer is closed or too much waits already.
        """
        if self._closed:
            raise Unavailable("store: closed")
        size_bytes = OPERATION_BYTES + text_bytes
        if self._waiting_bytes + size_bytes > WAITING_BYTES_MAX:
            raise Unavailable("store: too many writes wait for the disk; try again")
        self._waiting_bytes += size_bytes
        result: asyncio.Future[Result] = self._loop.create_future()
        self._jobs.put(_Job(operation, result, size_bytes))
        return await result

    async def close(self) -> None:
        """Run the queued operations, then end the thread."""
        if not self._closed:
            self._closed = True
            self._jobs.put(None)
            await asyncio.to_thread(self.join)

    def run(self) -> None:
        is_closing = False
        while not is_closing:
            batch = [self._jobs.get()]
            while len(batch) < BATCH_MAX and not self._jobs.empty():
                batch.append(self._jobs.get())
            is_closing = None in batch
            jobs = [job for job in batch if job is not None]
            results, events = self._commit(jobs)
            self._loop.call_soon_threadsafe(self._deliver, jobs, results, events)
        self._database.close()

    def _commit(self, jobs: Sequence[_Job]) -> tuple[list[Any], list[Event]]:
        """Run the jobs in one transaction; return their results or errors, and the events that are now on disk."""
        events: list[Event] = []
        try:
            self._check()
            self._database.execute("BEGIN IMMEDIATE")
            results = [_attempt(self._database, job, events) for job in jobs]
            self._database.execute("COMMIT")
            self._check()
        except Exception as error:  # of any kind: the callers must get it, and the thread must go on
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
            return [self._faults.unavailable(error, "could not commit")] * len(jobs), []
        return results, events

    def _deliver(self, jobs: Sequence[_Job], results: Sequence[Any], events: Sequence[Event]) -> None:
        self._waiting_bytes -= sum(job.size_bytes for job in jobs)
        for job, result in zip(jobs, results, strict=True):
            if job.result.done():  # the caller was cancelled: the event is committed all the same
                continue
            if isinstance(result, Exception):
                job.result.set_exception(result)
            else:
                job.result.set_result(result)
        self._on_commit(events)


def _attempt(database: sqlite3.Connection, job: _Job, events: list[Event]) -> Any:
    try:
        return job.operation(database, events)
    except ChatError as refusal:
        return refusal
