"""Parts of the standard library that need a word or a stand-in in the sandbox."""

import builtins
import concurrent.futures
import io
import os
import signal
import sys
import threading
import time

from . import host

# The deepest recursion. A call from Python to Python takes none of the Wasm stack, but one by way of C (`__repr__`, a key
# function) takes about 2 kB of its 4 MiB. A script that needs more, and recurs in Python alone, may ask for it.
RECURSION_LIMIT = 1000
_RECURSION_MOST = 3000

_NETWORK = frozenset(
    (
        "socket ssl _socket _ssl http ftplib smtplib imaplib poplib telnetlib xmlrpc urllib3 requests httpx aiohttp "
        "websockets websocket httplib2 boto3 openai anthropic"
    ).split()
)
_PROCESSES = frozenset("subprocess multiprocessing _posixsubprocess _multiprocessing pty fcntl".split())
_NATIVE = frozenset("ctypes _ctypes cffi".split())


def hint(error):
    """What to add to an error whose own words do not tell that it is the sandbox; None where there is nothing."""
    if isinstance(error, ModuleNotFoundError):
        top = (error.name or "").partition(".")[0]
        if top in _NETWORK:
            return "there is no network in the sandbox: call a tool"
        if top in _PROCESSES:
            return "there are no processes in the sandbox: call a tool"
        if top in _NATIVE:
            return "there is no native code in the sandbox"
        if top in sys.stdlib_module_names:
            return "this part of the standard library is not there in the sandbox"
        return "only the standard library is there, and the tools of the run"
    if isinstance(error, OSError):
        if error.filename is not None:
            return "there are no files in the sandbox: call a tool, or keep it in a variable"
        return "there is no network and there are no files or processes in the sandbox: call a tool"
    return None


def _sleep(seconds):
    """time.sleep on the host's timer."""
    if seconds < 0:
        raise ValueError("sleep length must be non-negative")
    duration_ms = -int(-seconds * 1000 // 1)
    if duration_ms:
        host.sleep_blocking(min(duration_ms, 2**63))


class _Executor(concurrent.futures.Executor):
    """An executor without threads: what is submitted runs at once, one after another."""

    def __init__(self, max_workers=None, *args, **kwargs):
        self._closed = False

    def submit(self, fn, /, *args, **kwargs):
        if self._closed:
            raise RuntimeError("cannot schedule new futures after shutdown")
        future = concurrent.futures.Future()
        future.set_running_or_notify_cancel()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future

    def map(self, fn, *iterables, timeout=None, chunksize=1, buffersize=None):
        return iter([fn(*args) for args in zip(*iterables)])

    def shutdown(self, wait=True, *, cancel_futures=False):
        self._closed = True


def _no_threads(self):
    raise RuntimeError("there are no threads in the sandbox: use asyncio.gather, or concurrent.futures, which runs in turn")


def _exit(code=None):
    raise SystemExit(code)


def _no_signals(*args):
    raise RuntimeError("there are no signals and processes in the sandbox")


_told = set()


def _breakpoint(*args, **kwargs):
    """What `breakpoint()` does: it says once a line that nobody can be asked, and the script goes on."""
    line = sys._getframe(1).f_lineno
    if line not in _told and len(_told) < 20:
        _told.add(line)
        print(f"breakpoint() in line {line} does nothing: no debugger is attached", file=sys.stderr)


def install():
    """Puts the stand-ins in their places."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(getattr(stream, "buffer", None), io.RawIOBase):
            # The system takes 64 KiB at once; a file without a buffer drops what is over.
            stream = io.TextIOWrapper(io.BufferedWriter(io.FileIO(stream.fileno(), "w", closefd=False)), "utf-8")
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", stream)
        # Line by line, so that the caller sees them as they come; half a character is shown as `\\ud800`.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(line_buffering=True, errors="backslashreplace")
    time.sleep = _sleep
    sys.breakpointhook = sys.__breakpointhook__ = _breakpoint
    concurrent.futures.ThreadPoolExecutor = _Executor
    concurrent.futures.ProcessPoolExecutor = _Executor
    threading.Thread.start = _no_threads
    builtins.exit = builtins.quit = _exit
    # Each of these would end the component, and what it has to say with it.
    os._exit = _exit
    os.abort = os.kill = signal.raise_signal = _no_signals
    sys.modules["faulthandler"] = None
    set_limit = sys.setrecursionlimit

    def setrecursionlimit(limit):
        set_limit(min(limit, _RECURSION_MOST))

    setrecursionlimit.__doc__ = f"Sets the deepest recursion, to at most {_RECURSION_MOST}: the sandbox has no room for more."
    sys.setrecursionlimit = setrecursionlimit
    return set_limit
