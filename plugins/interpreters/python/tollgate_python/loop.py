"""The event loop: asyncio over the host's calls.

Outside of a run's own code the host drives it: `poll` runs what is ready, and a call that ended makes its future ready.
Code that cannot await (`asyncio.run` in a function without `async`) drives it from inside, by `drive`: calls are then
made in batches by the blocking import, those that are waiting at the same moment at once.
"""

import asyncio
import heapq
import itertools
import sys
import time
from asyncio import events
from collections import deque

from . import host

# Clocks tell whole milliseconds, so a timer may look a millisecond early.
_EARLY_S = 0.001


class Stuck(RuntimeError):
    """The script waits for something that nothing will ever finish."""


class _Future(asyncio.Future):
    # The answer of a call that a script has given up is nobody's error.
    def set_result(self, result):
        if not self.cancelled():
            super().set_result(result)


class Loop(asyncio.AbstractEventLoop):
    """One loop for a component. It is always running, so that tasks can be made at any time."""

    def __init__(self):
        self.exception = None
        self.running = True
        self._factory = None
        self.reset()

    def reset(self):
        """Forgets everything of a run before."""
        self._ready = deque()
        self._timers = []
        self._order = itertools.count()
        self._armed = None
        self._alarm = None
        self._batch = []
        self.depth = 0
        # Host calls in flight that may still make something ready.
        self.in_flight = 0
        # The task of the script, where it is one: it is told when nothing can go on.
        self.main = None
        self.stuck = 0
        # The run's own context variables.
        self.context = None
        # Tasks that are kept alive until they end, as asyncio itself does not.
        self.tasks = set()
        # Those that failed, in order: nobody may have looked.
        self.failed = []

    def is_alone(self):
        """Whether the code that runs is the script's own task, and nothing else could go on if it waited."""
        return not (
            self.tasks or self._ready or self._timers or self.in_flight or self._batch or self.depth
        ) and asyncio.current_task(self) is self.main

    # What the host drives.

    def poll(self, _state=None):
        """Runs everything that is ready, also what becomes ready meanwhile."""
        while True:
            self._run_ready()
            if self._ready:
                continue
            if self._timers:
                self._arm()
                if self._ready:
                    continue
            if self.in_flight or self.main is None or self.main.done() or self.stuck > 3:
                return
            self.stuck += 1
            self.main.cancel()

    def _run_ready(self):
        ready = self._ready
        for _ in range(len(ready)):
            handle = ready.popleft()
            if not handle._cancelled:
                try:
                    handle._run()
                except (SystemExit, KeyboardInterrupt):
                    # The task has it too, and whoever awaits the task.
                    pass

    def _arm(self):
        """Lets the host wake the loop when the earliest timer is due."""
        self._drop_cancelled()
        if not self._timers:
            return
        due = self._timers[0][0]
        if self._armed is not None and self._armed <= due:
            return
        self._armed = due
        # In the run's context: what componentize-py keeps of the run is there.
        self._alarm = self.create_task(self._wake(due), context=self.context)

    async def _wake(self, due):
        wait_ms = max(0, _milliseconds(due - self.time()))
        self.in_flight += 1
        try:
            if wait_ms:
                await host.sleep(wait_ms)
        finally:
            self.in_flight -= 1
        if self._armed == due:
            self._armed = None
        self._fire()

    def _drop_cancelled(self):
        while self._timers and self._timers[0][2]._cancelled:
            heapq.heappop(self._timers)

    def _fire(self):
        now = self.time() + _EARLY_S
        while self._timers and self._timers[0][0] <= now:
            handle = heapq.heappop(self._timers)[2]
            if not handle._cancelled:
                self._ready.append(handle)

    # What code that cannot await drives.

    def drive(self, awaitable):
        """Runs until it has ended, and gives its result."""
        outer = _current_task(self)
        if outer is not None:
            asyncio.tasks._leave_task(self, outer)
        self.depth += 1
        try:
            task = awaitable if isinstance(awaitable, asyncio.Future) else self.create_task(_result_of(awaitable))
            while not task.done():
                self._run_ready()
                if not self._ready and not task.done():
                    self._wait(task)
            return task.result()
        finally:
            self.depth -= 1
            if outer is not None:
                asyncio.tasks._enter_task(self, outer)

    def _wait(self, task):
        if self._batch:
            batch, self._batch = self._batch, []
            for (_, future), answer in zip(batch, host.call_many([call for call, _ in batch])):
                if not future.done():
                    future.set_result(answer)
            return
        self._drop_cancelled()
        if self._timers:
            wait_ms = _milliseconds(self._timers[0][0] - self.time())
            if wait_ms > 0:
                host.sleep_blocking(wait_ms)
            self._fire()
            return
        if task.cancelling() > 3:
            raise Stuck(_STUCK_INSIDE)
        task.cancel(_STUCK_INSIDE)

    def call_in_batch(self, call):
        """A future of the answer of a call, for code that `drive` runs."""
        future = self.create_future()
        self._batch.append((call, future))
        return future

    # asyncio's own interface.

    def call_soon(self, callback, *args, context=None):
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_soon_threadsafe(self, callback, *args, context=None):
        return self.call_soon(callback, *args, context=context)

    def call_later(self, delay, callback, *args, context=None):
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(self, when, callback, *args, context=None):
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        heapq.heappush(self._timers, (when, next(self._order), handle))
        handle._scheduled = True
        return handle

    def _timer_handle_cancelled(self, handle):
        pass

    def time(self):
        return time.monotonic()

    def create_future(self):
        return _Future(loop=self)

    def create_task(self, coroutine, *, name=None, context=None, **options):
        if self._factory is not None:
            return self._factory(self, coroutine, context=context)
        task = asyncio.Task(coroutine, loop=self, name=name, context=context, **options)
        self.keep(task)
        return task

    def keep(self, task):
        """Keeps a task alive until it has ended."""
        if task.done():
            self._ended(task)
        else:
            self.tasks.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task):
        self.tasks.discard(task)
        if task._log_traceback:
            self.failed.append(task)

    def run_until_complete(self, future):
        return self.drive(future)

    def run_in_executor(self, executor, func, *args):
        # There are no threads: it runs now.
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:
            future.set_exception(error)
        return future

    def call_exception_handler(self, context):
        error = context.get("exception")
        told = f": {type(error).__name__}: {error}" if error is not None else ""
        print(f"{context.get('message', 'error in the event loop')}{told}", file=sys.stderr)

    def default_exception_handler(self, context):
        self.call_exception_handler(context)

    def set_exception_handler(self, handler):
        pass

    def get_exception_handler(self):
        return None

    def set_task_factory(self, factory):
        self._factory = factory

    def get_task_factory(self):
        return self._factory

    def get_debug(self):
        return False

    def set_debug(self, enabled):
        pass

    def is_running(self):
        return True

    def is_closed(self):
        return False

    def run_forever(self):
        raise RuntimeError("the event loop of a script ends with the script: await what you wait for")

    def stop(self):
        pass

    def close(self):
        pass

    async def shutdown_asyncgens(self):
        pass

    async def shutdown_default_executor(self, timeout=None):
        pass


_STUCK_INSIDE = "waits for a call or task that cannot end before this function does"


def _milliseconds(seconds):
    return min(-int(-seconds * 1000 // 1), 2**63)


async def _result_of(awaitable):
    return await awaitable


def _current_task(loop):
    return asyncio.current_task(loop)


loop = Loop()


def install():
    """Makes the loop that of asyncio, and of the code that componentize-py generates."""
    events._set_running_loop(None)
    asyncio.set_event_loop(loop)
    events._set_running_loop(loop)
    host.install_loop(loop)
