#!/usr/bin/env python3
"""Memory accesses around the end of memory, in every shape of address the compiler knows: every constant offset, sums
that wrap around in 32 bits and those that only seem to, bytes and masked values as addresses, addresses checked before.
Writes a script for `rille wast` whose expectations are computed here.

  tests/hostile/bounds.py FOLDER        writes FOLDER/bounds-PAGES.json and .wasm
"""
import json
import os
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
sys.dont_write_bytecode = True
from wasm import *  # noqa: E402,F403

M32 = (1 << 32) - 1
# opcode, bytes, result type, sign bits (0: unsigned), alignment
LOADS = [(0x2D, 1, I32, 0, 0), (0x2E, 2, I32, 16, 1), (0x28, 4, I32, 0, 2), (0x29, 8, I64, 0, 3), (0x35, 4, I64, 0, 2),
         (0x30, 1, I64, 8, 0), (0x2A, 4, F32, 0, 2), (0x2B, 8, F64, 0, 3)]
STORES = {1: (0x3A, I32, 0), 2: (0x3B, I32, 1), 4: (0x36, I32, 2), 8: (0x37, I64, 3)}


def pattern(a):
    return (a * 31 + (a >> 8) * 7 + 13) & 0xFF


def shapes():
    """name, code that leaves the address (params: 0 and 1), model."""
    yield "p", get(0), lambda p, q: p
    for c in (1, 7, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFF8, 0xFFFF0000):
        yield f"p+{c:x}", get(0) + i32(c) + b"\x6a", lambda p, q, c=c: p + c
        yield f"p-{c:x}", get(0) + i32(c) + b"\x6b", lambda p, q, c=c: p - c
    yield "p+q", get(0) + get(1) + b"\x6a", lambda p, q: p + q
    yield "p+p", get(0) + get(0) + b"\x6a", lambda p, q: p + p
    for k in (1, 2, 3):
        yield f"q<<{k}", get(1) + i32(k) + b"\x74", lambda p, q, k=k: q << k
        yield f"p+q<<{k}", get(0) + get(1) + i32(k) + b"\x74\x6a", lambda p, q, k=k: p + ((q << k) & M32)
        for c in (16, 0xFFFFFFF0, 0x7FFFFFF0):
            yield (f"p+(q<<{k})+{c:x}", get(0) + get(1) + i32(k) + b"\x74\x6a" + i32(c) + b"\x6a",
                   lambda p, q, k=k, c=c: p + ((q << k) & M32) + c)
            yield (f"((q+{c:x})<<{k})+p", get(1) + i32(c) + b"\x6a" + i32(k) + b"\x74" + get(0) + b"\x6a",
                   lambda p, q, k=k, c=c: (((q + c) << k) & M32) + p)
    yield "q*4+8", get(1) + i32(4) + b"\x6c" + i32(8) + b"\x6a", lambda p, q: q * 4 + 8
    yield "p&ff", get(0) + i32(0xFF) + b"\x71", lambda p, q: p & 0xFF
    yield "p&ffff", get(0) + i32(0xFFFF) + b"\x71", lambda p, q: p & 0xFFFF
    yield "(p&ffff)+1", get(0) + i32(0xFFFF) + b"\x71" + i32(1) + b"\x6a", lambda p, q: (p & 0xFFFF) + 1
    yield "(p&ff)<<3", get(0) + i32(0xFF) + b"\x71" + i32(3) + b"\x74", lambda p, q: (p & 0xFF) << 3
    yield "(p&ff)-1", get(0) + i32(0xFF) + b"\x71" + i32(1) + b"\x6b", lambda p, q: (p & 0xFF) - 1
    yield "p>>16", get(0) + i32(16) + b"\x76", lambda p, q: p >> 16
    yield "(p>>16)<<2+q", get(0) + i32(16) + b"\x76" + i32(2) + b"\x74" + get(1) + b"\x6a", lambda p, q: ((p >> 16) << 2) + q
    yield "wrap", get(0) + b"\xad" + i64(1 << 35) + b"\x84\xa7", lambda p, q: p  # i64 with a high half, wrapped
    yield "wrap+q", get(0) + b"\xad" + i64(7 << 33) + b"\x84\xa7" + get(1) + b"\x6a", lambda p, q: p + q
    yield "tee", get(0) + i32(4) + b"\x6a" + tee(0), lambda p, q: p + 4
    yield "(tee)+q", get(0) + i32(4) + b"\x6a" + tee(0) + get(1) + b"\x6a", lambda p, q: p + 4 + q
    # the then branch's check says nothing about what follows
    yield ("if", get(1) + IF + bytes([EMPTY]) + get(0) + b"\x2d\0\0\x1a" + END + get(0),
           lambda p, q: p)


def constants():
    for c in (0, 1, 0xFFF8, 0xFFFC, 0xFFFE, 0xFFFF, 0x10000, 0x1FFFF, 0x20000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF):
        yield f"{c:x}", i32(c), lambda p, q, c=c: c


def args(size, need):
    end = size - need
    near = {0, 1, 255, 65535, 65536, size // 2, M32, M32 - 1, M32 - 7, 1 << 31, (1 << 31) - 1}
    near |= {(end + d) & M32 for d in (-1, 0, 1)}
    return near


def value(a, bits, kind, signed):
    raw = bytes(pattern(a + i) for i in range(bits // 8))
    n = int.from_bytes(raw, "little")
    if signed and n >> (signed - 1):
        n -= 1 << signed
    return n & ((1 << (64 if kind in (I64, F64) else 32)) - 1)


class Script:
    def __init__(self, folder, stem, module):
        self.path = os.path.join(folder, stem)
        self.commands = [{"type": "module", "line": 1, "filename": stem + ".wasm"}]
        with open(self.path + ".wasm", "wb") as f:
            f.write(module)

    def act(self, kind, field, params, expected=None, text=None):
        c = {"type": kind, "line": len(self.commands) + 1, "expected": expected or [],
             "action": {"type": "invoke", "field": field, "args": [{"type": t, "value": str(v)} for t, v in params]}}
        if text:
            c["text"] = text
        self.commands.append(c)

    def write(self):
        with open(self.path + ".json", "w") as f:
            json.dump({"source_filename": self.path, "commands": self.commands}, f)


NAMES = {I32: "i32", I64: "i64", F32: "f32", F64: "f64"}


def check(script, export, ea, size, need, kind, want, p, q):
    params = [("i32", p), ("i32", q)]
    if ea + need > size:
        script.act("assert_trap", export, params, text="out of bounds memory access")
    else:
        script.act("assert_return", export, params, [{"type": NAMES[kind], "value": str(want)}] if kind else [])


def mem_pairs(model, size, need, offset, thin):
    """Arguments: interesting p with a few q, and p chosen so that the access ends around the end of memory."""
    pairs = {(p, q) for p in args(size, need) for q in (0, 1, M32, 1 << 30)}
    for q in (0, 3, M32, 0x20000000):
        base = model(0, q)
        for d in (-1, 0, 1):
            pairs.add(((size - need - offset - base + d) & M32, q))
    pairs = sorted(pairs)
    return pairs[thin % 3::3] if thin else pairs


def generate(folder, pages):
    size = pages * 65536
    m = Module()
    m.memory = limits(pages)
    for at in range(0, size, 65536):
        m.datas.append(b"\0" + i32(at) + END + u(65536) + bytes(pattern(at + i) for i in range(65536)))
    jobs = []
    offsets = (0, 1, 8, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)
    n = 0
    for label, code, model in list(shapes()) + list(constants()):
        for offset in offsets:
            op, need, kind, signed, align = LOADS[n % len(LOADS)]
            sop, skind, salign = STORES[1 << (n % 4)]
            n += 1
            at = bytes([align]) + u(offset)
            export = f"load {label} {offset:x} {op:x}"
            m.add(code + bytes([op]) + at, (I32, I32), (kind,), export=export)
            jobs.append((export, model, offset, need, kind, signed, n))
            # the same load as an operand, after another one through the same local
            if kind in (I32, I64):
                add = b"\x6a" if kind == I32 else b"\x7c"
                one = i32(0) if kind == I32 else i64(0)
                export = f"fused {label} {offset:x} {op:x}"
                m.add(one + code + bytes([op]) + at + add, (I32, I32), (kind,), export=export)
                jobs.append((export, model, offset, need, kind, signed, n))
            # a store of what is there already
            need = 1 << (n - 1) % 4
            narrow = {1: b"\x2d\0", 2: b"\x2f\1", 4: b"\x28\2", 8: b"\x29\3"}[need]
            export = f"store {label} {offset:x} {need}"
            m.add(code + put(2) + get(2) + get(2) + narrow + u(offset) + bytes([sop, salign]) + u(offset), (I32, I32), (),
                  locals=((1, I32),), export=export)
            jobs.append((export, model, offset, need, 0, 0, n))
            export = f"store-trap {label} {offset:x} {need}"
            m.add(code + (i32(0x5A5A5A5A) if skind == I32 else i64(0x5A5A5A5A5A5A5A5A)) + bytes([sop, salign]) + u(offset),
                  (I32, I32), (), export=export)
            jobs.append((export, model, offset, need, None, 0, n))
    # all bytes by FNV-1a, to see that no store went astray
    m.add(i32(0x811C9DC5 & M32) + put(1) + i32(0) + put(0)
          + (BLOCK + bytes([EMPTY]) + LOOP + bytes([EMPTY]) + get(0) + b"\x3f\0" + i32(16) + b"\x74\x4f\x0d\1"
             + get(1) + get(0) + b"\x2d\0\0\x73" + i32(0x01000193) + b"\x6c" + put(1)
             + get(0) + i32(1) + b"\x6a" + put(0) + b"\x0c\0" + END + END)
          + get(1), (), (I32,), locals=((2, I32),), export="hash")
    script = Script(folder, f"bounds-{pages}", m.bytes())
    for export, model, offset, need, kind, signed, n in jobs:
        for p, q in mem_pairs(model, size, need, offset, n):
            ea = (model(p, q) & M32) + offset
            if "if" in export and q and p >= size:
                ea = 1 << 40
            if kind is None:
                if ea + need > size:
                    check(script, export, ea, size, need, 0, None, p, q)
                continue
            want = value(ea, need * 8, kind, signed) if kind and ea + need <= size else None
            check(script, export, ea, size, need, kind, want, p, q)
    h = 0x811C9DC5
    for i in range(size):
        h = (h ^ pattern(i)) * 0x01000193 & M32
    script.act("assert_return", "hash", [], [{"type": "i32", "value": str(h)}])
    script.write()
    return len(script.commands)


def main(folder):
    os.makedirs(folder, exist_ok=True)
    for pages in (0, 1, 2):
        print(f"bounds-{pages}: {generate(folder, pages)} commands")


if __name__ == "__main__":
    main(*sys.argv[1:])
