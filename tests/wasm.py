"""Modules made byte by byte, as large and as odd as a test wants them; no checks, no dependencies."""

I32, I64, F32, F64, FUNCREF = 0x7F, 0x7E, 0x7D, 0x7C, 0x70
EMPTY = 0x40
BLOCK, LOOP, IF, ELSE, END, BR, BR_IF, BR_TABLE, RETURN, CALL, CALL_INDIRECT, DROP = (
    b"\x02", b"\x03", b"\x04", b"\x05", b"\x0b", b"\x0c", b"\x0d", b"\x0e", b"\x0f", b"\x10", b"\x11", b"\x1a")


def u(n):
    out = bytearray()
    while n >= 0x80:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


def s(n):
    out = bytearray()
    while not -64 <= n < 64:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n & 0x7F)
    return bytes(out)


def i32(n):
    return b"\x41" + s(n - (1 << 32) if n >= 1 << 31 else n)


def i64(n):
    return b"\x42" + s(n - (1 << 64) if n >= 1 << 63 else n)


def get(i):
    return b"\x20" + u(i)


def put(i):
    return b"\x21" + u(i)


def tee(i):
    return b"\x22" + u(i)


def call(i):
    return CALL + u(i)


def vec(items):
    return u(len(items)) + b"".join(items)


def name(text):
    return u(len(text)) + text.encode()


def section(number, payload):
    return bytes([number]) + u(len(payload)) + payload if payload else b""


class Module:
    """add() functions in order; bytes() makes the binary. `raw` sections replace or add to what is made."""

    def __init__(self):
        self.types, self.imports, self.funcs, self.codes, self.exports = [], [], [], [], []
        self.memory = self.table = self.start = None
        self.globals, self.elems, self.datas = [], [], []
        self.data_count = False

    def type(self, params=(), results=()):
        t = b"\x60" + u(len(params)) + bytes(params) + u(len(results)) + bytes(results)
        if t not in self.types:
            self.types.append(t)
        return self.types.index(t)

    def imported(self, module, field, params=(), results=()):
        self.imports.append(name(module) + name(field) + b"\0" + u(self.type(params, results)))
        return len(self.imports) - 1

    def add(self, body, params=(), results=(), locals=(), export=None):
        """locals: (count, type) pairs. The last `end` is added here."""
        self.funcs.append(u(self.type(params, results)))
        code = u(len(locals)) + b"".join(u(n) + bytes([t]) for n, t in locals) + body + END
        self.codes.append(u(len(code)) + code)
        index = len(self.imports) + len(self.funcs) - 1
        if export is not None:
            self.exports.append(name(export) + b"\0" + u(index))
        return index

    def bytes(self):
        out = [b"\0asm\1\0\0\0", section(1, vec(self.types)), section(2, vec(self.imports) if self.imports else b""),
               section(3, vec(self.funcs))]
        if self.table is not None:
            out.append(section(4, b"\1\x70" + self.table))
        if self.memory is not None:
            out.append(section(5, b"\1" + self.memory))
        out.append(section(6, vec(self.globals) if self.globals else b""))
        out.append(section(7, vec(self.exports)))
        if self.start is not None:
            out.append(section(8, u(self.start)))
        out.append(section(9, vec(self.elems) if self.elems else b""))
        if self.data_count:
            out.append(section(12, u(len(self.datas))))
        out.append(section(10, vec(self.codes)))
        out.append(section(11, vec(self.datas) if self.datas else b""))
        return b"".join(out)


def limits(low, high=None):
    return b"\0" + u(low) if high is None else b"\1" + u(low) + u(high)
