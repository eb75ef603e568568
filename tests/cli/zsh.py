#!/usr/bin/env python3
"""Types lines and a tab into an interactive zsh that has the completion script, and waits for what it makes of them.

  tests/cli/zsh.py SCRIPT LINE EXPECTED [LINE EXPECTED...]
"""
import os
import pty
import re
import select
import sys
import time

script, pairs = sys.argv[1], list(zip(sys.argv[2::2], sys.argv[3::2]))
child, terminal = pty.fork()
if child == 0:
    os.environ.update(TERM="dumb", PS1="ask> ", COLUMNS="200")
    os.execvp("zsh", ["zsh", "-f", "-i"])


rest = ""


def seen(text, seconds=10):
    """Waits for text; what came behind it is for the next call."""
    global rest
    end = time.time() + seconds
    while text not in rest and time.time() < end:
        if select.select([terminal], [], [], 0.1)[0]:
            rest += re.sub(r"\x1b\[[^a-zA-Z]*[a-zA-Z]", "", os.read(terminal, 65536).decode(errors="replace")).replace("\r", "").replace("\a", "")
    there = text in rest
    rest = rest.partition(text)[2] if there else rest
    return there


os.write(terminal, f"autoload -U compinit; compinit -D -u; source {script}; echo rea''dy\n".encode())
good = seen("ready\n") and seen("ask> ")
for line, expected in pairs:
    os.write(terminal, line.encode() + b"\t")
    if not seen(expected):
        good = False
        print(f"{line} did not become {expected}")
    os.write(terminal, b"\x15")
os.kill(child, 9)
print("zsh: ok" if good else "zsh: no")
