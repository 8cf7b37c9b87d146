"""One instance of a function: a real process, so that its start, its memory and its end are real.

Teaches what "frozen" means: between invocations the process is stopped (SIGSTOP), and nothing in it runs: no timer, no
background task, no response. The clock goes on meanwhile, so after the thaw all deadlines may have passed.
"""

import asyncio
import os
import signal
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping, Sequence
from contextlib import suppress

from servers.addresses import without_passwords
from servers.deploy.child_process import READY_S, ChildFailed, json_object, python_module


class Instance:
    """A child of the host. port: where it listens, once `ready`.

    It has a process group of its own: if the host is killed, the kernel continues and ends even frozen processes of the
    orphaned group (POSIX, "orphaned process group"). A frozen process could not notice its closed standard input.
    """

    def __init__(self, module_args: Sequence[str], env: Mapping[str, str]) -> None:
        self._module_args = module_args
        self._env = {**os.environ, **env}
        self._booting = asyncio.Lock()
        self._process: Process | None = None
        self._is_ending = False
        self.port = 0
        self._cpu_s = 0.0
        self.cold_start_s = 0.0

    @property
    def pid(self) -> int:
        """The process's id; only once it has been started."""
        assert self._process is not None
        return self._process.pid

    @property
    def ended(self) -> bool:
        """Whether the process was started, and has ended since."""
        return self._process is not None and self._process.returncode is not None

    @property
    def cpu_s(self) -> float:
        """CPU time that the process has used so far; of an ended process, the last value that was read."""
        self._note_cpu()
        return self._cpu_s

    async def ready(self) -> bool:
        """Wait until it listens; True for the caller that started it. Raises ChildFailed."""
        async with self._booting:
            if self._process is not None or self._is_ending:
                if not self.port:
                    raise self._failed("did not start")
                return False
            await self._boot()
            return True

    def freeze(self) -> None:
        """Stop the process where it is, and note the CPU time that it has used."""
        self._signal(signal.SIGSTOP)
        self._note_cpu()

    def thaw(self) -> None:
        """Let the process go on."""
        self._signal(signal.SIGCONT)

    async def end(self, grace_s: float) -> None:
        """End the process, also while it is created: close its input, then kill it. Waits, about `grace_s` at most."""
        self._is_ending = True
        if self._process is None:
            return
        assert self._process.stdin is not None
        self._process.stdin.close()
        if grace_s:
            self.thaw()
            with suppress(TimeoutError):
                async with asyncio.timeout(grace_s):
                    await self._process.wait()
        self._note_cpu()
        self._signal(signal.SIGKILL)
        await self._process.wait()

    async def _boot(self) -> None:
        started_s = time.monotonic()
        command = python_module(*self._module_args, "--attached")
        line = b""
        try:
            self._process = await asyncio.create_subprocess_exec(
                *command, stdin=PIPE, stdout=PIPE, env=self._env, process_group=0
            )
            assert self._process.stdout is not None
            if self._is_ending:
                await self.end(0)
            async with asyncio.timeout(READY_S):
                line = await self._process.stdout.readline()
            self.port = int(json_object(line)["address"].rpartition(":")[2])
        except (OSError, ValueError, KeyError) as error:  # TimeoutError is an OSError
            await self.end(0)
            raise self._failed(f"expected a ready line, got {line!r} and {error!r}") from error
        self.cold_start_s = time.monotonic() - started_s

    def _failed(self, what: str) -> ChildFailed:
        return ChildFailed(without_passwords(f"{' '.join(self._module_args)}: {what}; see standard error"))

    def _note_cpu(self) -> None:
        """Read the clock that Linux keeps for each process, ended threads included (clock_getcpuclockid(3))."""
        if self._process is not None and not self.ended:
            with suppress(OSError):
                clock_id = ~self._process.pid << 3 | 2  # as clock_getcpuclockid computes it
                self._cpu_s = time.clock_gettime(clock_id)

    def _signal(self, number: signal.Signals) -> None:
        """Send a signal with os.kill: asyncio's `send_signal` would reap a process for which its watcher waits."""
        with suppress(ProcessLookupError):  # it has ended by itself, which the next invocation will notice
            if self._process is not None and self._process.returncode is None:
                os.kill(self._process.pid, number)
