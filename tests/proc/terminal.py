"""terminal.py RILLE PID: uses `rille top PID` on a terminal of 80 columns, as a person would, and says whether it was fine."""
import fcntl
import os
import pty
import re
import select
import struct
import sys
import termios
import time

pid, fd = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], [sys.argv[1], "top", sys.argv[2]])
fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 20, 80, 0, 0))


def shown(until, seconds=10):
    """What is drawn until a pattern occurs; ends the test when it does not."""
    text, end = "", time.time() + seconds
    while not re.search(until, text, re.S):
        if time.time() > end:
            sys.exit(f"not shown: {until}\n{text!r}")
        if select.select([fd], [], [], 0.1)[0]:
            try:
                text += os.read(fd, 65536).decode()
            except OSError:
                sys.exit(f"it ended before: {until}\n{text!r}")
    return text


first = shown(r"7 processes.*ID +PARENT.*spinner.*quit.*l links")
plain = re.sub(r"\033\[[0-9;?]*[A-Za-z]", "", first)
too_long = [line for line in plain.splitlines() if len(line) > 80]
if too_long:
    sys.exit(f"over 80 columns: {too_long}")
if "\033[31m" in first:
    sys.exit("a guest's escape sequence reached the terminal")
os.write(fd, b"m")
shown(r"PARENT.*1 +- receiving")
os.write(fd, b"i")
shown(r"PARENT[^\n]*\n[^\n]* 1 +- receiving")
os.write(fd, b"jj\n")
shown(r"process 3 .*mailbox 2.*named_waiter.*any key")
os.write(fd, b" ")
shown(r"ID +PARENT")
os.write(fd, b"q")
shown(r"\033\[\?1049l$")
if os.waitpid(pid, 0)[1]:
    sys.exit("status")
print("on a terminal: ok")
