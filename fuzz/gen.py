"""Generates valid modules that always end, from a seed: deep control with values, loops that turn, many locals of which
a few are hot, sums used as addresses, calls of every kind. What `wasm-tools smith` seldom makes, and what a compiler
that keeps locals in registers across loops and merges gets wrong.

Ending: loops and functions spend a global budget and leave when it is gone. NaN bits never escape: a float is made
canonical before it is stored or reinterpreted. Standard library only; `module(seed)` returns the bytes.
"""
import os
import random
import sys

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../tests"))
from wasm import F32, F64, I32, I64, s as sleb, section, u as uleb, vec  # noqa: E402

TYPES = [I32, I64, F32, F64]
BUDGET, DEPTH_COST = 2500, 12
PAGES = 2

BIN = {
    I32: [0x6a, 0x6a, 0x6a, 0x6b, 0x6b, 0x6c, 0x71, 0x72, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78],
    I64: [0x7c, 0x7c, 0x7c, 0x7d, 0x7d, 0x7e, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a],
    F32: [0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98],
    F64: [0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6],
}
DIV = {I32: [0x6d, 0x6e, 0x6f, 0x70], I64: [0x7f, 0x80, 0x81, 0x82]}
UN = {
    I32: [0x67, 0x68, 0x69, 0xc0, 0xc1], I64: [0x79, 0x7a, 0x7b, 0xc2, 0xc3, 0xc4],
    F32: [0x8b, 0x8c, 0x8d, 0x8e, 0x8f, 0x90, 0x91], F64: [0x99, 0x9a, 0x9b, 0x9c, 0x9d, 0x9e, 0x9f],
}
COMPARE = {I32: range(0x46, 0x50), I64: range(0x51, 0x5b), F32: range(0x5b, 0x61), F64: range(0x61, 0x67)}
# result type: (opcode bytes, operand type); the trapping float to integer conversions are not here
CONVERT = {
    I32: [(b"\xa7", I64), (b"\xfc\x00", F32), (b"\xfc\x01", F32), (b"\xfc\x02", F64), (b"\xfc\x03", F64), (b"\xbc", F32)],
    I64: [(b"\xac", I32), (b"\xad", I32), (b"\xfc\x04", F32), (b"\xfc\x05", F32), (b"\xfc\x06", F64), (b"\xfc\x07", F64),
          (b"\xbd", F64)],
    F32: [(b"\xb2", I32), (b"\xb3", I32), (b"\xb4", I64), (b"\xb5", I64), (b"\xb6", F64), (b"\xbe", I32)],
    F64: [(b"\xb7", I32), (b"\xb8", I32), (b"\xb9", I64), (b"\xba", I64), (b"\xbb", F32), (b"\xbf", I64)],
}
TRUNC = {I32: [(0xa8, F32), (0xa9, F32), (0xaa, F64), (0xab, F64)], I64: [(0xae, F32), (0xaf, F32), (0xb0, F64), (0xb1, F64)]}
LOAD = {I32: [(0x28, 2), (0x2c, 0), (0x2d, 0), (0x2e, 1), (0x2f, 1)], F32: [(0x2a, 2)], F64: [(0x2b, 3)],
        I64: [(0x29, 3), (0x30, 0), (0x31, 0), (0x32, 1), (0x33, 1), (0x34, 2), (0x35, 2)]}
STORE = {I32: [(0x36, 2), (0x3a, 0), (0x3b, 1)], I64: [(0x37, 3), (0x3c, 0), (0x3d, 1), (0x3e, 2)],
         F32: [(0x38, 2)], F64: [(0x39, 3)]}
INTS = [0, 1, 2, 3, 4, 5, 7, 8, 10, 16, 31, 32, 63, 64, 100, 127, 128, 255, 256, 1000, 4095, 4096, 65535, 65536,
        0x7fffffff, 0x80000000, 0xffffffff, -1, -2, -4, -128, -129, -4096, 641, 6700417]
FLOATS = [b"\0\0\0\0", b"\0\0\0\x80", b"\0\0\x80?", b"\0\0\x20\xc0", b"\0\0\x80\x7f", b"\xff\xff\x7f\x7f", b"\x01\0\0\0",
          b"\0\0\0O", b"\0\0\x80O", b"\xdb\x0fI@"]
DOUBLES = [b"\0" * 8, b"\0" * 7 + b"\x80", b"\0" * 6 + b"\xf0?", b"\0" * 6 + b"\x04\xc0", b"\0" * 6 + b"\xf0\x7f",
           b"\xff" * 6 + b"\xef\x7f", b"\x01" + b"\0" * 7, b"\0" * 6 + b"\xe0A", b"\0" * 6 + b"\xf0C", b"\x18-DT\xfb!\t@"]


class Tape(random.Random):
    """Decisions as a list of numbers: recorded from a seed, or replayed (zeros after its end), so that a failing module
    can be made smaller by taking decisions away. Zero is the plainest choice everywhere."""

    def __init__(self, seed=None, replay=None):
        self.replay, self.taken = replay, []
        super().__init__(seed)

    def decide(self, n):
        at = len(self.taken)
        v = super()._randbelow(n) if self.replay is None else self.replay[at] % n if at < len(self.replay) else 0
        self.taken.append(v)
        return v

    def over(self):
        return self.replay is not None and len(self.taken) >= len(self.replay)

    def random(self):
        return self.decide(4096) / 4096

    def choice(self, items):
        return items[self.decide(len(items))]

    def randrange(self, low, high=None):
        low, high = (0, low) if high is None else (low, high)
        return low + self.decide(high - low)


class Module:
    def __init__(self, r):
        self.r = r
        self.types = []
        self.size = r.choice([0, 0, 0, 1, 2])  # many small modules: their failures are easy to read
        self.signatures = [self.signature() for _ in range(r.choice([[1, 1, 2], [2, 3], [4, 8]][self.size]))]
        self.funcs = [r.choice(self.signatures) for _ in range(r.choice([0, 1, len(self.signatures)]))] + self.signatures
        self.globals = [r.choice(TYPES) for _ in range(r.randrange(2, 7))]  # after the budget, global 0
        self.imports = [r.choice(self.signatures) for _ in range(r.choice([0, 0, 0, 1, 2]))]
        self.space = self.imports + self.funcs  # by function index

    def signature(self):
        r = self.r
        params = tuple(r.choice(TYPES) for _ in range(r.choice([0, 1, 2, 2, 3, 3, 4, 7, 12])))
        results = tuple(r.choice(TYPES) for _ in range(r.choice([0, 1, 1, 1, 1, 2, 3, 5])))
        return params, results

    def type_index(self, sig):
        if sig not in self.types:
            self.types.append(sig)
        return self.types.index(sig)

    def bytes(self):
        n, first = len(self.funcs), len(self.imports)
        bodies = [Function(self, i).body() for i in range(n)]
        bodies += [self.wrapper(first + i) for i in range(n)]
        func_types = [uleb(self.type_index(s)) for s in self.funcs] * 2
        names = [f"f{i}".encode() for i in range(n)]
        exports = [vec([bytes([b]) for b in name]) + b"\0" + uleb(first + n + i) for i, name in enumerate(names)]
        exports += [b"\1m\2\0"] + [b"\2g" + bytes([48 + i]) + b"\3" + uleb(i) for i in range(len(self.globals) + 1)]
        inits = [b"\x7f\1\x41\0\x0b"] + [bytes([t]) + b"\1" + self.constant(t) + b"\x0b" for t in self.globals]
        table = [uleb(i) for i in range(len(self.space))]
        imports = [b"\3env\1" + bytes([97 + i]) + b"\0" + uleb(self.type_index(sig)) for i, sig in enumerate(self.imports)]
        types = [b"\x60" + vec([bytes([t]) for t in p]) + vec([bytes([t]) for t in q]) for p, q in self.types]
        data = bytes((i * 167 + i // 7) & 0xff for i in range(512))
        return b"\0asm\1\0\0\0" + b"".join([
            section(1, vec(types)), section(2, vec(imports)), section(3, vec(func_types)),
            section(4, vec([b"\x70\1" + uleb(len(table) + 1) + uleb(len(table) + 1)])),
            section(5, vec([b"\1" + uleb(PAGES) + uleb(PAGES + 2)])),
            section(6, vec(inits)), section(7, vec(exports)),
            section(9, vec([b"\0\x41\0\x0b" + vec(table)])),
            section(10, vec([uleb(len(b)) + b for b in bodies])),
            section(11, vec([b"\0\x41\x10\x0b" + uleb(len(data)) + data])),
        ])

    def wrapper(self, i):
        """Fills the budget and calls function i."""
        params, _ = self.space[i]
        code = b"\x41" + sleb(BUDGET) + b"\x24\0" + b"".join(b"\x20" + uleb(k) for k in range(len(params))) + b"\x10" + uleb(i)
        return b"\0" + code + b"\x0b"

    def constant(self, t):
        r = self.r
        if t == F32:
            return b"\x43" + r.choice(FLOATS)
        if t == F64:
            return b"\x44" + r.choice(DOUBLES)
        v = r.choice(INTS) if r.random() < .8 else r.randrange(-1 << 31, 1 << 31)
        if t == I32:
            return b"\x41" + sleb((v + (1 << 31)) % (1 << 32) - (1 << 31))
        return b"\x42" + sleb(v << r.choice([0, 0, 0, 31, 32]) if abs(v) < 1 << 31 else v)


class Function:
    def __init__(self, m, index):
        self.m, self.r = m, m.r
        self.params, self.results = m.funcs[index]
        r = self.r
        self.locals = list(self.params) + [r.choice(TYPES) for _ in range(r.choice([[1, 2, 4, 8], [4, 8, 20], [8, 20, 70]][m.size]))]
        self.plain = len(self.locals)  # code may write those below; counters of loops come after
        self.hot = [r.randrange(self.plain) for _ in range(4)]
        self.out = bytearray()
        self.labels = []  # (types, is loop), innermost last
        self.room = r.choice([[5, 20, 40, 80], [60, 200], [200, 500, 900]][m.size])

    def body(self):
        self.labels.append((self.results, False))
        self.spend(DEPTH_COST, 0)
        while self.room > 0 and not self.r.over():
            self.statement(0)
        for t in self.results:
            self.expr(t, 2)
        extra = b"".join(b"\1" + bytes([t]) for t in self.locals[len(self.params):])
        return uleb(len(self.locals) - len(self.params)) + extra + bytes(self.out) + b"\x0b"

    # ---- pieces ----

    def put(self, *parts):
        for p in parts:
            self.out += bytes([p]) if isinstance(p, int) else p

    def spend(self, cost, label):
        """budget -= cost; when it is gone, leave by the label (with constants as its values)."""
        self.put(0x23, 0, 0x41, sleb(cost), 0x6b, 0x24, 0, 0x23, 0, 0x41, 0, 0x48, 0x04, 0x40)
        types, loop = self.labels[-1 - label]
        for t in () if loop else types:
            self.put(self.m.constant(t))
        self.put(0x0c, uleb(label + 1), 0x0b)

    def local_of(self, t, write=False):
        r = self.r
        for _ in range(3):
            i = r.choice(self.hot) if r.random() < .7 else r.randrange(self.plain)
            if self.locals[i] == t:
                return i
        fits = [i for i in range(self.plain if write else len(self.locals)) if self.locals[i] == t]
        return r.choice(fits) if fits else None

    def canonical(self, t):
        """The float on the stack, its NaN made the canonical one."""
        i = len(self.locals)
        self.locals.append(t)
        nan = b"\x43\0\0\xc0\x7f" if t == F32 else b"\x44" + b"\0" * 6 + b"\xf8\x7f"
        self.put(0x22, uleb(i), nan, 0x20, uleb(i), 0x20, uleb(i), 0x5b if t == F32 else 0x61, 0x1b)

    def address(self, depth):
        """An address, mostly inside memory, often as a sum that could be folded; returns the memarg's offset."""
        r = self.r
        kind = r.random()
        if kind < .45:
            self.expr(I32, depth - 1)
            self.put(0x41, sleb(r.choice([0xff, 0xfff, 0xfff8, 63])), 0x71)
            if r.random() < .5:
                self.put(0x41, sleb(r.choice([1, 2, 3])), 0x74)
            if r.random() < .6:
                self.put(0x41, sleb(r.choice([4, 16, 40, 1000, 4096, 60000, 65536] if r.random() < .96 else [-8, -1])), 0x6a)
            if r.random() < .4:
                self.expr(I32, 0)
                self.put(0x41, 0xff, 0, 0x71, 0x6a)
        elif kind < .9:
            i = self.local_of(I32)
            if i is None:
                self.put(0x41, sleb(r.randrange(60000)))
            else:
                self.put(0x20, uleb(i), 0x41, sleb(0x1ffc), 0x71)
        elif kind < .99:
            self.put(0x41, sleb(r.choice([0, 8, 1024, 65530, PAGES * 65536 - 300])))
        else:
            self.expr(I32, 0)
        return r.choice([0, 0, 0, 4, 8, 256, 65536 + 3]) if r.random() < .998 else 0xfffffff0

    # ---- expressions: leave one value ----

    def expr(self, t, depth):
        r = self.r
        self.room -= 1
        if depth <= 0 or r.random() < .25:
            i = self.local_of(t)
            if i is None or r.random() < .25:
                self.put(self.m.constant(t))
            else:
                self.put(0x20, uleb(i))
            return
        choices = [self.binary] * 8 + [self.unary, self.convert, self.load, self.load, self.tee, self.tee, self.select,
                                       self.block_value, self.if_value, self.loop_value, self.global_get, self.call_value,
                                       self.many_value, self.pile]
        if t == I32:
            choices += [self.compare, self.compare, self.compare, self.eqz, self.memory_size]
        if t in TRUNC and r.random() < .3:
            choices.append(self.trunc)
        r.choice(choices)(t, depth)

    def binary(self, t, depth):
        r = self.r
        if t in DIV and r.random() < .12:
            self.expr(t, depth - 1)
            if r.random() < .5:
                self.put(self.m.constant(t))
            else:
                self.expr(t, depth - 1)
            one = b"\x41\1\x72" if t == I32 else b"\x42\1\x84"
            if r.random() < .97:
                self.put(one)
            return self.put(r.choice(DIV[t]))
        self.expr(t, depth - 1)
        if r.random() < .3:
            self.put(self.m.constant(t))
        else:
            self.expr(t, depth - 1)
        self.operate(t)

    def operate(self, t):
        op = self.r.choice(BIN[t])
        if op in (0x98, 0xa6):  # copysign: the sign of a NaN would escape
            self.canonical(t)
        self.put(op)

    def unary(self, t, depth):
        self.expr(t, depth - 1)
        self.put(self.r.choice(UN[t]))

    def convert(self, t, depth):
        code, source = self.r.choice(CONVERT[t])
        self.expr(source, depth - 1)
        if code in (b"\xbc", b"\xbd"):
            self.canonical(source)
        self.put(code)

    def compare(self, _, depth):
        t = self.r.choice(TYPES)
        self.expr(t, depth - 1)
        self.expr(t, depth - 1)
        self.put(self.r.choice(COMPARE[t]))

    def eqz(self, _, depth):
        t = self.r.choice([I32, I64])
        self.expr(t, depth - 1)
        self.put(0x45 if t == I32 else 0x50)

    def load(self, t, depth):
        offset = self.address(depth)
        code, align = self.r.choice(LOAD[t])
        self.put(code, uleb(self.r.randrange(align + 1)), uleb(offset))

    def tee(self, t, depth):
        i = self.local_of(t, write=True)
        self.expr(t, depth - 1)
        if i is not None:
            self.put(0x22, uleb(i))

    def select(self, t, depth):
        self.expr(t, depth - 1)
        self.expr(t, depth - 1)
        self.condition(depth - 1)
        self.put(0x1b) if self.r.random() < .7 else self.put(0x1c, 1, t)

    def condition(self, depth):
        self.r.choice([self.compare, self.compare, self.eqz, self.expr])(I32, depth)

    def global_get(self, t, depth):
        fits = [i + 1 for i, g in enumerate(self.m.globals) if g == t]
        self.put(0x23, uleb(self.r.choice(fits))) if fits else self.put(self.m.constant(t))

    def memory_size(self, _, depth):
        self.put(0x3f, 0)

    def block_value(self, t, depth):
        self.put(0x02, t)
        self.labels.append(((t,), False))
        self.statements(depth)
        self.expr(t, depth - 1)
        if self.r.random() < .4:
            self.condition(depth - 1)
            self.put(0x0d, 0)
        self.labels.pop()
        self.put(0x0b)

    def if_value(self, t, depth):
        self.condition(depth - 1)
        self.put(0x04, t)
        self.labels.append(((t,), False))
        for part in range(2):
            if part:
                self.put(0x05)
            if self.r.random() < .5:
                self.statements(depth)
            self.expr(t, depth - 1)
        self.labels.pop()
        self.put(0x0b)

    def loop_value(self, t, depth):
        """block (result t) (loop (param ts) ...) with the parameters carried around."""
        r = self.r
        carried = tuple(r.choice(TYPES) for _ in range(r.choice([0, 0, 1, 2])))
        self.put(0x02, t)
        self.labels.append(((t,), False))
        for c in carried:
            self.expr(c, depth - 1)
        self.put(0x03, sleb(self.m.type_index((carried, (t,)))))
        self.labels.append((carried, True))
        for c in reversed(carried):
            self.store_into(c)
        self.spend(1, 1)
        self.statements(depth)
        for c in carried:
            self.expr(c, depth - 1)
        self.condition(depth - 1)
        self.put(0x0d, 0)
        for _ in carried:
            self.put(0x1a)
        self.expr(t, depth - 1)
        self.labels.pop()
        self.put(0x0b)
        self.labels.pop()
        self.put(0x0b)

    def many_value(self, t, depth):
        """A block or if with parameters and several results, of which the first stays."""
        r = self.r
        params = tuple(r.choice(TYPES) for _ in range(r.choice([0, 1, 2])))
        results = (t, *(r.choice(TYPES) for _ in range(r.choice([0, 1, 2, 4]))))
        for p in params:
            self.expr(p, depth - 1)
        branches = r.choice([1, 2])
        if branches == 2:
            self.condition(depth - 1)
        self.put(0x04 if branches == 2 else 0x02, sleb(self.m.type_index((params, results))))
        self.labels.append((results, False))
        for part in range(branches):
            if part:
                self.put(0x05)
            for p in reversed(params):
                self.store_into(p)
            self.statements(depth)
            for q in results:
                self.expr(q, depth - 1)
            if r.random() < .4:
                self.condition(1)
                self.put(0x0d, 0)
        self.labels.pop()
        self.put(0x0b)
        for q in reversed(results[1:]):
            self.store_into(q)

    def store_into(self, t):
        """The top of the stack into a local, or nowhere."""
        k = self.local_of(t, write=True)
        self.put(0x1a) if k is None else self.put(0x21, uleb(k))

    def pile(self, t, depth):
        """More operands than there are registers."""
        n = self.r.choice([3, 8, 20])
        self.room -= n
        for _ in range(n):
            self.expr(t, 1)
        for _ in range(n - 1):
            self.operate(t)

    def trunc(self, t, depth):
        code, source = self.r.choice(TRUNC[t])
        self.expr(source, depth - 1)
        self.put(code)

    def call_value(self, t, depth):
        """A call whose last result is of type t, the others dropped into locals; else a constant."""
        fits = [i for i, (_, q) in enumerate(self.m.space) if q and q[0] == t]
        if not fits:
            return self.put(self.m.constant(t))
        i = self.r.choice(fits)
        params, results = self.m.space[i]
        for p in params:
            self.expr(p, depth - 2)
        if self.r.random() < .35:
            self.table_index(i)
            self.put(0x11, uleb(self.m.type_index((params, results))), 0)
        else:
            self.put(0x10, uleb(i))
        for q in reversed(results[1:]):
            self.store_into(q)

    def table_index(self, i):
        """Function i's place in the table, rarely a wrong one."""
        if self.r.random() < .02:
            return self.expr(I32, 0)
        self.put(0x41, sleb(i))
        if self.r.random() < .5:
            self.expr(I32, 0)
            self.put(0x41, 0, 0x71, 0x72)

    # ---- statements: leave nothing ----

    def statements(self, depth):
        for _ in range(self.r.choice([0, 1, 1, 2, 3])):
            if self.room > 0 and not self.r.over():
                self.statement(depth)

    def statement(self, depth):
        r = self.r
        self.room -= 1
        nest = max(0, 4 - len(self.labels))
        r.choice([self.set] * 6 + [self.store] * 3 + [self.cluster] * 2 + [self.if_statement] * (1 + nest) + [self.count_loop] * (1 + nest)
                 + [self.branch_if] * 2 + [self.global_set, self.drop, self.switch, self.block, self.bulk, self.leave])()

    def set(self):
        t = self.r.choice(TYPES + [I32, I32, I64])
        i = self.local_of(t, write=True)
        if i is not None:
            self.expr(t, self.r.choice([1, 2, 3, 4]))
            self.put(0x21, uleb(i))

    def store(self):
        t = self.r.choice(TYPES)
        offset = self.address(2)
        self.expr(t, 2)
        if t in (F32, F64):
            self.canonical(t)
        code, align = self.r.choice(STORE[t])
        self.put(code, uleb(self.r.randrange(align + 1)), uleb(offset))

    def cluster(self):
        """Accesses around one local, near an end of memory now and then, or past it; the local may change in between."""
        r = self.r
        i, k = self.local_of(I32, write=True), self.local_of(I32)
        if i is None:
            return self.set()
        start = r.choice([0, 8, 100, 5000, 70000, None, None, None, PAGES * 65536 - 40, -16])
        if start is None:
            self.put(0x20, uleb(k), 0x41, sleb(r.choice([0xff, 0xff8, 0xfff8])), 0x71)
        else:
            self.put(0x41, sleb(start))
        self.put(0x21, uleb(i))
        for _ in range(r.choice([2, 3, 4, 8])):
            self.room -= 1
            if r.random() < .1:
                self.put(0x20, uleb(i), 0x41, sleb(r.choice([1, 4, 8, -4])), 0x6a, 0x21, uleb(i))
            t, storing = r.choice(TYPES), r.random() < .4
            code, align = r.choice((STORE if storing else LOAD)[t])
            if not storing and r.random() < .3:
                self.expr(t, 0)  # an operand for the loaded value
                operate = True
            else:
                operate = False
            self.put(0x20, uleb(i))
            form = r.random()
            if form < .2:
                self.put(0x20, uleb(k), 0x41, sleb(r.choice([1, 7, 0xff])), 0x71, 0x41, r.choice([0, 1, 2, 3]), 0x74, 0x6a)
            elif form < .25:
                self.put(0x20, uleb(k), 0x6a)
            elif form < .35:
                self.put(0x41, r.choice([1, 2, 3]), 0x74)
            if r.random() < .8:
                self.put(0x41, sleb(r.choice([0, 1, 2, 4, 8, 12, 16, 24, 32, 1000, -4, -8])), 0x6a)
            if storing:
                self.expr(t, 1)
                if t in (F32, F64):
                    self.canonical(t)
            self.put(code, uleb(r.randrange(align + 1)), uleb(r.choice([0, 0, 0, 4, 8, 20])))
            if operate:
                self.operate(t)
            if not storing:
                self.store_into(t)

    def global_set(self):
        k = self.r.randrange(len(self.m.globals))
        self.expr(self.m.globals[k], 2)
        self.put(0x24, uleb(k + 1))

    def drop(self):
        self.expr(self.r.choice(TYPES), 3)
        self.put(0x1a)

    def block(self):
        self.put(0x02, 0x40)
        self.labels.append(((), False))
        self.statements(2)
        self.labels.pop()
        self.put(0x0b)

    def if_statement(self):
        self.condition(2)
        self.put(0x04, 0x40)
        self.labels.append(((), False))
        self.statements(2)
        if self.r.random() < .5:
            self.put(0x05)
            self.statements(2)
        self.labels.pop()
        self.put(0x0b)

    def count_loop(self):
        """for (n = 0; n < K; n++) with a fresh counter that may also be read."""
        r = self.r
        n = len(self.locals)
        self.locals.append(I32)
        self.put(0x41, 0, 0x21, uleb(n), 0x02, 0x40)
        self.labels.append(((), False))
        self.put(0x03, 0x40)
        self.labels.append(((), True))
        self.spend(1, 1)
        self.statements(3)
        self.set()
        self.put(0x20, uleb(n), 0x41, 1, 0x6a, 0x22, uleb(n), 0x41, sleb(r.choice([2, 3, 10, 40])), 0x48, 0x0d, 0)
        self.labels.pop()
        self.put(0x0b)
        self.labels.pop()
        self.put(0x0b)

    def values_of(self, label):
        for t in self.labels[-1 - label][0]:
            self.expr(t, 1)

    def branch_if(self):
        label = self.r.randrange(len(self.labels))
        types = self.labels[-1 - label][0]
        self.values_of(label)
        self.condition(2)
        self.put(0x0d, uleb(label))
        for _ in types:
            self.put(0x1a)

    def leave(self):
        """An unconditional branch or return inside an if, with dead code after it now and then."""
        r = self.r
        self.condition(2)
        self.put(0x04, 0x40)
        self.labels.append(((), False))
        label = r.randrange(len(self.labels))
        tail = [i for i, s in enumerate(self.m.space) if s[1] == self.results]
        if r.random() < .15 and tail:
            i = r.choice(tail)
            for p in self.m.space[i][0]:
                self.expr(p, 1)
            self.put(0x12, uleb(i))
        elif r.random() < .3:
            for t in self.results:
                self.expr(t, 1)
            self.put(0x0f)
        else:
            self.values_of(label)
            self.put(0x0c, uleb(label))
        if r.random() < .3:
            self.statements(1)
        self.labels.pop()
        self.put(0x0b)

    def switch(self):
        """br_table over labels of the same types, inside a block of its own."""
        r = self.r
        self.put(0x02, 0x40)
        self.labels.append(((), False))
        pick = r.randrange(len(self.labels))
        types = self.labels[-1 - pick][0]
        same = [i for i in range(len(self.labels)) if self.labels[-1 - i][0] == types]
        targets = [r.choice(same) for _ in range(r.choice([1, 2, 4, 9]))]
        self.values_of(pick)
        self.expr(I32, 2)
        if r.random() < .6:
            self.put(0x41, 7, 0x71)
        self.put(0x0e, vec([uleb(t) for t in targets]), uleb(r.choice(same)))
        self.labels.pop()
        self.put(0x0b)

    def bulk(self):
        r = self.r
        kind = r.randrange(4)
        if kind == 0:
            self.put(0x41, 1, 0x40, 0, 0x1a) if r.random() < .2 else self.put(0x3f, 0, 0x1a)
            return
        for mask in (0x7ff, 0xff if kind == 1 else 0x7ff, 0xff):
            self.expr(I32, 1)
            self.put(0x41, sleb(mask), 0x71)
        self.put(0xfc, 11, 0) if kind == 1 else self.put(0xfc, 10, 0, 0)


def module(seed):
    return Module(Tape(seed)).bytes()


def decisions(seed):
    tape = Tape(seed)
    Module(tape).bytes()
    return tape.taken


def replay(taken):
    return Module(Tape(replay=taken)).bytes()


if __name__ == "__main__":
    import sys
    sys.stdout.buffer.write(module(int(sys.argv[1])))
