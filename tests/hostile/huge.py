"""Modules as large and as deep as the limits allow: each must be taken or refused quickly, in memory that grows with the
module, and what is taken must run. modules() yields: name, bytes, export to call or None, what it prints or None when it
is refused, peak megabytes allowed.

  tests/hostile/huge.py FOLDER      writes them there, and index.json
"""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
sys.dont_write_bytecode = True
from wasm import *  # noqa: E402,F403

E = bytes([EMPTY])
MAX_BODY = 7654321


def one(body, results=(I32,), **more):
    m = Module()
    m.add(body, (), results, export="f", **more)
    return m.bytes()


def nested(kind, depth, inside=b"", between=b""):
    return (between + kind + E) * depth + inside + END * depth


def modules():
    yield "blocks", one(nested(BLOCK, 1000000) + i32(1)), "f", "1", 500
    yield "loops", one(nested(LOOP, 1000000) + i32(1)), "f", "1", 500
    yield "ifs", one(nested(IF, 600000, between=i32(1)) + i32(1)), "f", "1", 500
    yield "branched blocks", one(nested(BLOCK, 500000, b"\x0c\0") + i32(1)), "f", "1", 500
    # every block is branched to, from the middle
    depth = 300000
    yield "all branched", one((BLOCK + E) * depth + b"".join(i32(0) + BR_IF + u(i) for i in range(depth)) + END * depth + i32(1)), "f", "1", 600
    depth = 300000
    yield "all loops branched", one((LOOP + E) * depth + b"".join(i32(0) + BR_IF + u(i) for i in range(depth)) + END * depth + i32(1)), "f", "1", 600
    # nested loops that pin locals
    uses = b"".join(get(i) + i32(1) + b"\x6a" + put(i) for i in range(25))
    depth = 20000
    yield ("loops with locals", one((LOOP + E + get(30) + BR_IF + b"\0" + uses) * depth + END * depth + get(0), locals=((60, I32),)),
           "f", str(depth), 600)
    depth = 100000
    yield ("loops with one local", one((LOOP + E + get(0) + BR_IF + b"\0") * depth + END * depth + get(0), locals=((60, I32),)), "f", "0", 600)
    # a br_table over a million entries, to one and to many targets
    yield "br_table one target", one(BLOCK + E + i32(5) + BR_TABLE + u(1000000) + b"\0" * 1000001 + END + i32(1)), "f", "1", 300
    n = 1000
    yield ("br_table many targets", one((BLOCK + E) * n + i32(700) + BR_TABLE + u(1000000) + b"".join(u(i % n) for i in range(1000001))
                                        + END * n + i32(1)), "f", "1", 300)
    m = Module()  # many tables over the same many targets
    body = (BLOCK + E) * n + b"".join(BLOCK + E + i32(3) + BR_TABLE + u(n) + b"".join(u(i) for i in range(n + 1)) + END for _ in range(2000)) + END * n + i32(1)
    m.add(body, (), (I32,), export="f")
    yield "many br_tables", m.bytes(), "f", "1", 500
    n = 50000
    m = Module()
    for k in range(3000):
        m.add(get(49999), (), (I32,), locals=((n, I32),), export="f" if k == 7 else None)
    yield "50,000 locals, 3,000 functions", m.bytes(), "f", "0", 300
    m = Module()
    m.add(get(0), (), (I32,), locals=((n + 1, I32),), export="f")
    yield "too many locals", m.bytes(), None, None, 100
    m = Module()
    m.add(b"", (), (), locals=tuple((1 << 31, I32) for _ in range(3)), export="f")
    yield "locals past 2^32", m.bytes(), None, None, 100
    # every local used, and set on one path only
    yield ("50,000 locals used", one(i32(0) + b"".join(get(i) + b"\x6a" for i in range(n)), locals=((n, I32),)), "f", "0", 300)
    yield ("a body of 7.6 MB", one(i32(0) + (i32(1) + b"\x6a") * 2551430), "f", "2551430", 700)
    yield ("a body too large", one(i32(0) + (i32(1) + b"\x6a") * 2551500), None, None, 100)
    yield ("drops", one(i32(0) + (i32(1) + DROP) * 2551430), "f", "0", 700)
    yield ("deep operands", one(i32(1) * 100000 + b"\x6a" * 99999), "f", "100000", 500)
    yield ("more operands than stack", one(i32(1) * 999999 + b"\x6a" * 999998), "f", "call stack exhausted", 500)
    yield ("operands too deep", one(i32(1) * 1000001 + b"\x6a" * 1000000), None, None, 500)
    # code that swells most: native bytes per byte
    for label, piece in (("indirect calls", i32(0) + CALL_INDIRECT + b"\0\0"), ("truncations", get(1) + b"\xb1" + DROP),
                         ("rotations", get(0) + get(0) + b"\x8a" + DROP),
                         ("divisions", get(0) + get(0) + b"\x7f" + DROP), ("remainders", get(0) + get(0) + b"\x81" + DROP),
                         ("fills", i32(0) + i32(0) + i32(0) + b"\xfc\x0b\0"), ("grows", i32(0) + b"\x40\0" + DROP),
                         ("minima", get(1) + get(1) + b"\xa4" + DROP), ("memory.size", b"\x3f\0" + DROP), ("branches", get(2) + IF + E + END)):
        m = Module()
        m.memory, m.table = limits(1), limits(1)
        m.type()
        m.elems.append(b"\0" + i32(0) + END + vec([u(1)]))
        m.add(piece * (1000000 // len(piece)) + i32(1), (), (I32,), locals=((1, I64), (1, F64), (1, I32)))
        m.add(b"", (), ())
        m.add(i32(1), (), (I32,), export="f")
        yield "swelling: " + label, m.bytes(), "f", "1", 600
    # parameters and results
    m = Module()
    all_ = (I32,) * 1000
    inner = m.add(b"".join(get(999 - i) for i in range(1000)), all_, all_)
    m.add(b"".join(i32(i) for i in range(1000)) + call(inner) + DROP * 999, (), (I32,), export="f")
    yield "1,000 parameters and results", m.bytes(), "f", "999", 60
    m = Module()
    mixed = (I32, F32, I64, F64) * 250
    zero = i32(0) + b"\x43\0\0\0\0" + i64(0) + b"\x44" + b"\0" * 8
    inner = m.add(b"".join(get(i) for i in range(1000)), mixed, mixed)
    m.add(zero * 250 + call(inner) + DROP * 999, (), (I32,), export="f")
    yield "1,000 mixed", m.bytes(), "f", "0", 60
    m = Module()
    m.add(b"", (I32,) * 1001, (), export="f")
    yield "1,001 parameters", m.bytes(), None, None, 60
    m = Module()  # two bytes of code, sixteen thousand of native code; then too much for the function, for the module
    inner = m.add(b"".join(get(999 - i) for i in range(1000)), all_, all_)
    args = b"".join(i32(i) for i in range(1000))
    m.add(args + call(inner) * 60 + DROP * 999, (), (I32,), export="f")
    yield "60 calls of 1,000 parameters", m.bytes(), "f", "0", 200
    g = len(m.funcs)
    m.add(args + call(inner) * 3000000 + DROP * 999, (), (I32,), export="g")
    yield "3,000,000 calls of 1,000 parameters", m.bytes(), "g", "needs too much native code", 400
    m.funcs.pop(g), m.codes.pop(g), m.exports.pop()
    for _ in range(300):
        m.add(args + call(inner) * 2000 + DROP * 999, (), (I32,))
    yield "eager: many such", m.bytes(), "f", "native code too large", 1000
    # blocks with as many parameters
    m = Module()
    t = m.type(all_, all_)
    m.add(b"".join(i32(i) for i in range(1000)) + (LOOP + s(t)) * 1000 + END * 1000 + BLOCK + s(t) + BR + b"\0" + END + DROP * 999,
          (), (I32,), export="f")
    yield "blocks of 1,000 parameters", m.bytes(), "f", "0", 500
    # counts
    m = Module()
    f = m.add(i32(1), (), (I32,), export="f")
    m.exports += [name(str(i)) + b"\0" + u(f) for i in range(300000)]
    yield "300,000 exports", m.bytes(), "f", "1", 200
    m = Module()
    m.memory = limits(0)
    m.datas = [b"\0" + i32(0) + END + b"\0"] * 100000
    m.data_count = True
    m.add(i32(1), (), (I32,), export="f")
    yield "100,000 data segments", m.bytes(), "f", "1", 100
    m = Module()
    m.memory = limits(0)
    m.datas = [b"\0" + i32(0) + END + b"\0"] * 100001
    m.add(i32(1), (), (I32,), export="f")
    yield "too many data segments", m.bytes(), None, None, 100
    m = Module()
    m.memory = limits(1024)
    m.datas = [b"\0" + i32(0) + END + u(60 << 20) + b"\x07" * (60 << 20)]
    m.add(i32((60 << 20) - 1) + b"\x2d\0\0", (), (I32,), export="f")
    yield "60 MB of data", m.bytes(), "f", "7", 260
    m = Module()
    m.table = limits(3000000)
    f = m.add(i32(2999999) + b"\x25\0\xd1", (), (I32,), export="f")
    m.elems.append(b"\0" + i32(0) + END + vec([u(f)] * 3000000))
    yield "3,000,000 elements", m.bytes(), "f", "0", 500
    m = Module()
    for i in range(200000):
        m.add(b"", (), ())
    m.add(i32(1), (), (I32,), export="f")
    yield "200,000 functions", m.bytes(), "f", "1", 500
    m = Module()
    for i in range(100000):
        m.types.append(b"\x60" + u(3) + bytes([I32 - (i >> 2 * k) % 4 for k in range(3)]) + u(5) + bytes([I32 - (i >> 2 * (k + 3)) % 4 for k in range(5)]))
    m.funcs.append(u(len(m.types)))
    m.types.append(b"\x60\0\1\x7f")
    m.codes.append(b"\4\0\x41\1\x0b")
    m.exports.append(name("f") + b"\0\0")
    yield "100,000 types", m.bytes(), "f", "1", 200
    m = Module()
    m.globals = [b"\x7f\1" + i32(i & 63) + END for i in range(500000)]
    m.add(b"\x23" + u(499999), (), (I32,), export="f")
    yield "500,000 globals", m.bytes(), "f", str(499999 & 63), 200
    # extended constants as deep as allowed, and one deeper
    for depth, result in ((256, "256"), (257, None)):
        m = Module()
        m.globals = [b"\x7f\0" + i32(1) * depth + b"\x6a" * (depth - 1) + END]
        m.add(b"\x23\0", (), (I32,), export="f")
        yield f"constants {depth} deep", m.bytes(), "f" if result else None, result, 60


def main(folder):
    index = []
    for name, data, export, prints, megabytes in modules():
        path = os.path.join(folder, f"huge-{len(index)}.wasm")
        with open(path, "wb") as f:
            f.write(data)
        index.append((name, path, export, prints, megabytes))
    with open(os.path.join(folder, "index.json"), "w") as f:
        json.dump(index, f)


if __name__ == "__main__":
    main(*sys.argv[1:])
