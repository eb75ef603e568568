"""Programs that run into every limit there is. cases() yields: name, module bytes, options, what must happen: a dict with
`status`, `out` (all of standard output, stripped), `err` (occurs in standard error), `signal` (sent after half a second)."""
from wasm import *  # noqa: F403

E = bytes([EMPTY])
HOST = b"\x41\0\x42\0\x41\xc0\0"  # clock_time_get(0, 0, 64)


def program(body, locals=(), memory=limits(1), results=(), **more):
    m = Module()
    m.memory = memory
    clock = m.imported("wasi_snapshot_preview1", "clock_time_get", (I32, I64, I32), (I32,))
    assert clock == 0
    m.imported("wasi_snapshot_preview1", "proc_exit", (I32,))
    m.imported("lunatic::process", "sleep_ms", (I64,))
    m.imported("lunatic::message", "receive", (I32, I32, I64), (I32,))
    for key, value in more.items():
        setattr(m, key, value)
    m.add(body, (), results, locals=locals, export="_start")
    m.exports.append(name("memory") + b"\2\0")
    return m


SLEEP, RECEIVE, ME = 2, 3, 4


def recursion():
    """Every frame size at every stack size, with each kind of helper called on the way down."""
    overflow = {"status": 134, "err": "call stack exhausted"}
    below = {"nothing": b"", "host": HOST + call(0) + DROP, "grow": i32(0) + b"\x40\0" + DROP,
             "copy": i32(0) + i32(0) + i32(9) + b"\xfc\x0a\0\0", "leaf": call(ME + 1), "far leaf": call(ME + 2)}
    for frame in (0, 1, 9, 60, 100, 500, 2000, 40000):
        for label, extra in below.items():
            m = program(extra + get(frame) + i32(1) + b"\x6a" + put(frame) + call(ME) + get(frame) + DROP,
                        locals=((frame + 1, I32),) if frame < 70 else ((frame, I64), (1, I32)))
            m.add(b"", (), ())  # a leaf without a frame
            m.add(get(39) + get(0) + put(39) + put(1), (), (), locals=((40, F64),))  # one with, below the red zone
            for stack in ("4K", "8K", "64K", "1M", "16M"):
                if frame in (0, 9, 500) or stack in ("4K", "1M"):
                    yield f"recursion, {frame} locals, {label}, {stack}", m.bytes(), ["--max-stack=" + stack], overflow
    m = Module()
    m.memory, m.table = limits(1), limits(1)
    t = m.type()
    m.add(i32(0) + CALL_INDIRECT + u(t) + b"\0", export="_start")
    m.elems.append(b"\0" + i32(0) + END + vec([u(0)]))
    yield "recursion, indirect", m.bytes(), [], overflow
    m = Module()
    many = (I32,) * 1000
    m.add(b"".join(get(i) for i in range(1000)) + call(0), many, many)
    m.add(b"".join(i32(i) for i in range(1000)) + call(0) + DROP * 1000, export="_start")
    for stack in ("4K", "16K", "1M"):
        yield f"recursion, 1,000 parameters and results, {stack}", m.bytes(), ["--max-stack=" + stack], overflow
    # down to every depth in turn, then a host call: wherever the stack ends, it ends as a trap or not at all
    m = program(b"")
    down = m.add(get(0) + b"\x45" + IF + E + HOST + call(0) + DROP + i32(0) + b"\x40\0" + DROP + b"\x05" + get(0) + i32(1) + b"\x6b" + call(ME + 1)
                 + END, (I32,))
    assert down == ME + 1
    m.add(get(0) + call(down) + i32(7), (I32,), (I32,), export="down")
    data = m.bytes()
    for stack in ("4K", "8K"):
        for depth in list(range(0, 120, 3)) + [300, 1000]:
            yield f"host call {depth} deep in {stack}", data, ["--max-stack=" + stack, "--invoke=down"], {"args": [str(depth)], "either": ("7", "call stack exhausted")}


def growth():
    grow_all = (LOOP + E + i32(1) + b"\x40\0" + i32(0) + b"\x4e" + BR_IF + b"\0" + END + b"\x3f\0")
    for limit, pages in (("64K", 1), ("65537", 1), ("1M", 16), ("100M", 1600)):
        m = program(b"")
        m.add(grow_all, (), (I32,), export="f")
        yield f"memory.grow up to {limit}", m.bytes(), ["--invoke=f", "--max-memory=" + limit], {"status": 0, "out": str(pages)}
    m = program(b"", memory=limits(1, 3))
    m.add(grow_all, (), (I32,), export="f")
    yield "memory.grow up to the type's maximum", m.bytes(), ["--invoke=f"], {"status": 0, "out": "3"}
    m = program(b"", memory=limits(2))
    yield "more memory than allowed", m.bytes(), ["--max-memory=64K"], {"status": 1, "err": "limit"}
    m = program(b"", memory=limits(65536))
    m.add(i32(0xFFFFFFFF) + b"\x2d\0\0", (), (I32,), export="f")
    yield "4 GiB", m.bytes(), ["--invoke=f", "--max-memory=4294967296"], {"status": 0, "out": "0"}
    m = program(b"")
    m.table = limits(0)
    m.add(LOOP + E + b"\xd0\x70" + i32(100000) + b"\xfc\x0f\0" + i32(0) + b"\x4e" + BR_IF + b"\0" + END + b"\xfc\x10\0", (), (I32,), export="f")
    yield "table.grow up to the limit", m.bytes(), ["--invoke=f"], {"status": 0, "out": "10000000"}
    yield "table.grow with little memory", m.bytes(), ["--invoke=f", "--max-memory=1M"], {"status": 0, "out": "100000"}
    m = program(b"")
    m.table = limits(10000001)
    yield "table too large", m.bytes(), [], {"status": 1, "err": "limit"}
    # nothing moves into memory taken by a copy that fails
    m = program(b"", memory=limits(1))
    m.add(i32(65500) + i32(7) + i32(100) + b"\xfc\x0b\0", export="f")
    yield "a fill past the end", m.bytes(), ["--invoke=f"], {"status": 134, "err": "out of bounds memory access"}


def time_and_fuel():
    forever = LOOP + E + BR + b"\0" + END
    filling = LOOP + E + i32(0) + i32(1) + i32(16 << 20) + b"\xfc\x0b\0" + BR + b"\0" + END
    waiting = i32(0) + i32(0) + i64((1 << 64) - 1) + call(RECEIVE) + DROP
    for label, body in (("loop", forever), ("fills", filling), ("waiting", waiting), ("sleeping", i64((1 << 64) - 1) + call(SLEEP))):
        m = program(body, memory=limits(256))
        yield f"timeout: {label}", m.bytes(), ["--timeout=0.3"], {"status": 134, "err": "time limit", "within": 3}
        start = program(b"", memory=limits(256))
        start.start = start.add(body)
        yield f"timeout in the start function: {label}", start.bytes(), ["--timeout=0.3"], {"status": 134, "err": "time limit", "within": 3}
        for number, status in ((2, 130), (15, 143)):
            yield f"signal {number}: {label}", m.bytes(), [], {"status": status, "signal": number, "within": 3}
        # sent by somebody else, these are no trap
        for number in (11, 7, 4, 8):
            yield f"signal {number}: {label}", m.bytes(), [], {"status": -number, "signal": number, "within": 3}
    for fuel in (1, 2, 30):
        yield f"fuel {fuel}", program(forever).bytes(), [f"--fuel={fuel}"], {"status": 134, "err": "fuel"}
        start = program(b"")
        start.start = start.add(forever)
        yield f"fuel {fuel} in the start function", start.bytes(), [f"--fuel={fuel}"], {"status": 134, "err": "fuel"}
    for label, body, err in (("trap", b"\0", "unreachable"), ("exit", i32(3) + call(1), "status 3"), ("overflow", call(ME + 1), "call stack exhausted")):
        start = program(b"")
        start.start = start.add(body)
        yield f"start function: {label}", start.bytes(), [], {"status": 134, "err": err}
    start = program(i32(5) + call(1))
    start.start = start.add(i64(30) + call(SLEEP))
    yield "start function waits", start.bytes(), [], {"status": 5}


def leftovers():
    """What an earlier call left on the stack and in registers is not to be seen in a new one's locals and results."""
    for n in (1, 5, 9, 30, 63, 64, 65, 200, 5000, 50000):
        for kind, const, join in ((I32, i32(0x55555555), b"\x72"), (I64, i64(0x5555555555555555), b"\x84"), (F64, b"\x44" + b"\x55" * 8, b"\xa0")):
            m = program(b"")
            dirty = m.add(b"".join(const + put(i) for i in range(n)) + get(n - 1) + DROP, locals=((n, kind),))
            zero = {I32: i32(0), I64: i64(0), F64: b"\x44" + b"\0" * 8}[kind]
            # half of them set on a path not taken
            skip = BLOCK + E + i32(1) + BR_IF + b"\0" + b"".join(const + put(i) for i in range(0, n, 2)) + END
            loop = LOOP + E + i32(0) + IF + E + const + put(n // 2) + BR + b"\1" + END + END
            total = zero + b"".join(get(i) + join for i in range(n))
            wrap = {I32: b"", I64: b"\xa7", F64: b"\xaa"}[kind]
            clean = m.add(skip + loop + total + wrap, (), (I32,), locals=((n, kind),))
            m.add(call(dirty) + call(clean), (), (I32,), export="f")
            yield f"{n} locals of type {kind:x} begin as zero", m.bytes(), ["--invoke=f", "--max-stack=4M"], {"status": 0, "out": "0"}


def cases():
    yield from growth()
    yield from time_and_fuel()
    yield from leftovers()
    yield from recursion()
