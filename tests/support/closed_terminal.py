"""Runs a command on a terminal as a shell does, and closes the terminal: `closed_terminal.py MARKER COMMAND…`.

Waits for the file MARKER, which the command leaves, and for the file `close`. Does not wait for the command.
"""

import os
import pty
import signal
import sys
import time

shell, terminal = pty.fork()
if shell == 0:
    # A shell tells its jobs of its own end (bash does; sh need not).
    job = os.fork()
    if job == 0:
        os.setpgid(0, 0)
        os.execvp(sys.argv[2], sys.argv[2:])
    signal.signal(signal.SIGHUP, lambda *_: (os.killpg(job, signal.SIGHUP), os._exit(0)))
    while True:
        signal.pause()
end = time.monotonic() + 60
while not (os.path.exists(sys.argv[1]) and os.path.exists("close")):
    if time.monotonic() > end:
        sys.exit("the command did not start")
    time.sleep(0.05)
os.close(terminal)
os.waitpid(shell, 0)
