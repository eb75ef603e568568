"""Programs whose line tables make the report of a failure slow. cases() as in limits.py: what must happen, within seconds."""
import struct

from wasm import *  # noqa: F403

E = bytes([EMPTY])
HEAD = b"\1\1\1\xfb\x0e\x0d" + b"\0\1\1\1\1\0\0\0\1\0\0\1"  # lengths of instructions, of the standard opcodes' operands
FIRST = b"\0\5\2" + struct.pack("<I", 1) + b"\1"            # a row at address 1


def line_table(files, rows):
    """DWARF 5: so many files, all named by the text at the start of .debug_str; a program."""
    tables = HEAD + b"\1\1\x08\1d\0" + b"\1\1\x0e" + u(files) + b"\0\0\0\0" * files
    body = b"\5\0\4\0" + struct.pack("<I", len(tables)) + tables + rows + b"\2\x80\x10\1\0\1\1"
    return struct.pack("<I", len(body)) + body


def custom(title, payload):
    return section(0, name(title) + payload)


def cases():
    # a long text, asked for by each of many files: names of nothing but x, which the report ends with
    m = Module()
    m.add(b"\0", export="_start")
    table, text = line_table(400000, FIRST), b"x" * 4000000 + b"\0"
    yield ("report, many long names of files", m.bytes() + custom(".debug_line", table) + custom(".debug_str", text), [],
           {"status": 134, "err": "xxxx:1) at 0x", "within": 5})
    # a long table, and 400 processes that fail at 400 places, twice
    m = Module()
    m.memory = limits(1)
    spawn = m.imported("lunatic::process", "spawn", (I64, I64, I64, I32, I32, I32, I32, I32), (I32,))
    sleep = m.imported("lunatic::process", "sleep_ms", (I64,))
    one = (i32(0x51) + get(0) + b"\x36\0\0" + i64(0) + i64(-1) + i64(-1) + i32(0) + i32(3) + i32(0x50) + i32(17) + i32(0x70) +
           call(spawn) + DROP + i64(1) + call(sleep))
    m.add(b"\x03" + E + one + get(0) + i32(1) + b"\x6a" + tee(0) + i32(800) + b"\x49" + BR_IF + u(0) + END, locals=((1, I32),), export="_start")
    m.add(b"".join(get(0) + i32(400) + b"\x70" + i32(i) + b"\x46" + IF + E + b"\0" + END for i in range(400)), (I32,), export="bad")
    m.exports.append(name("memory") + b"\2\0")
    m.datas = [b"\0" + i32(0) + END + u(3) + b"bad", b"\0" + i32(0x50) + END + u(1) + b"\x7f"]
    yield ("report, many failures and a long table", m.bytes() + custom(".debug_line", line_table(1, FIRST + b"\x0d" * 4000000)), [],
           {"status": 0, "err": "failed: unreachable", "within": 30})
