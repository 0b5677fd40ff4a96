"""Runs a command on a terminal: `terminal.py '[["what is shown", "what is typed then"], …]' COMMAND…`.

Prints what the terminal showed, and ends as the command did; after a minute it is killed.
"""

import json
import os
import pty
import select
import signal
import sys
import time

steps = json.loads(sys.argv[1])
child, terminal = pty.fork()
if child == 0:
    os.execvp(sys.argv[2], sys.argv[2:])
shown, seen = b"", 0
end = time.monotonic() + 60
while True:
    if time.monotonic() > end:
        os.kill(child, signal.SIGKILL)
    if select.select([terminal], [], [], 0.2)[0]:
        try:
            data = os.read(terminal, 4096)
        except OSError:  # Linux tells the end so
            break
        if not data:
            break
        shown += data
    if steps and steps[0][0].encode() in shown[seen:]:
        seen = len(shown)
        time.sleep(0.3)
        os.write(terminal, steps.pop(0)[1].encode())
status = os.waitpid(child, 0)[1]
sys.stdout.buffer.write(shown)
sys.exit(os.waitstatus_to_exitcode(status) if not steps else 99)
