"""Every host function with arguments nobody should pass: all of one kind, and mixtures. cases() as in limits.py; whatever
the guest hears, the runtime must go on."""
import os
import random
import re

from wasm import *  # noqa: F403

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
WORD = {"i": I32, "l": I64, "f": F32, "d": F64}
ODD = (0, 1, 2, 3, 8, 65535, 65536, 131071, 131072, 1 << 31, (1 << 31) - 1, (1 << 32) - 1, (1 << 32) - 8, (1 << 63) - 1, 1 << 63, (1 << 64) - 1)


def functions():
    """namespace, name, parameter letters, result letter"""
    for path, full in (("include/rille_api.def", "lunatic::%s"), ("src/host/wasi.def", "wasi_snapshot_preview1")):
        text = open(os.path.join(ROOT, path)).read()
        for kind, space, field, letters in re.findall(r"^(API|LATER|RILLE)\((\w+), (\w+), ([vild])_(?=[ild]*,)", text, re.M):
            params = re.search(rf"^{kind}\({space}, {field}, {letters}_([ild]*),", text, re.M).group(1)
            yield "rille::" + space if kind == "RILLE" else full % space if "%" in full else full, field, params, letters


def constant(letter, value):
    return i32(value & 0xFFFFFFFF) if letter == "i" else i64(value & (1 << 64) - 1) if letter == "l" else b"\x44" + b"\xff" * 8


def cases():
    dice = random.Random(1)
    for space, field, params, result in functions():
        rounds = [[v] * len(params) for v in ODD] + [[dice.choice(ODD) for _ in params] for _ in range(60)]
        m = Module()
        m.memory = limits(2)
        m.imported(space, field, [WORD[c] for c in params], [WORD[result]] if result != "v" else [])
        m.exports.append(name("memory") + b"\2\0")
        # as a process traps at its first mistake, each round is one of its own; main waits a little and goes
        spawn = m.imported("lunatic::process", "spawn", (I64, I64, I64, I32, I32, I32, I32, I32), (I32,))
        sleep = m.imported("lunatic::process", "sleep_ms", (I64,))
        names, body = b"", b""
        for k, values in enumerate(rounds):
            label = f"r{k:02}".encode()
            m.add(b"".join(constant(c, v) for c, v in zip(params, values)) + call(0) + (DROP if result != "v" else b""), (), (), export=label.decode())
            body += i64(0) + i64((1 << 64) - 1) * 2 + i32(1024 + len(names)) + i32(3) + i32(0) * 2 + i32(8) + call(spawn) + DROP
            names += label
        m.datas.append(b"\0" + i32(1024) + END + u(len(names)) + names)
        m.add(body + i64(60) + call(sleep), (), (), export="_start")
        yield f"{space}::{field}", m.bytes(), ["--dir=."], {"status": 134 if field == "kill" else 0, "within": 30,
                                                                "anything": True}  # one of them kills process 1
