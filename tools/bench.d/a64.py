"""Instructions that kernels execute on aarch64, under qemu-user with a counting plugin, beside the same by callgrind on
this machine: both over the same C by gcc -O2 for the processor. Needs no aarch64 hardware, and no quiet machine.

Counted is the difference of two sizes, which leaves out loading and compiling.
"""
import os
import re
import shutil
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
FLAVOURS = ("guarded", "checked")
LIMIT = 1.15  # the goal: over what this machine shows


def qemu_count(plugin, command):
    """Instructions executed, or None with the reason printed."""
    p = subprocess.run([os.path.join(ROOT, "tools/cross/qemu-aarch64"), "-plugin", plugin, *command], capture_output=True, text=True)
    m = re.search(r"^instructions: (\d+)", p.stderr, re.M)
    if p.returncode or not m:
        print(f"  ! {' '.join(command[-3:])}: status {p.returncode}: {p.stderr.strip()[-160:]}")
        return None
    return int(m[1])


def difference(count, command, sizes):
    one, two = (count([*command, str(n)]) for n in sizes)
    return two - one if one and two else None


def prepare(work):
    """Path of the plugin; None with the reason when something is missing."""
    if not shutil.which("qemu-aarch64") or not shutil.which("aarch64-linux-gnu-gcc"):
        return None, "tools/deps cross"
    version = re.search(r"version (\d+)", subprocess.run(["qemu-aarch64", "--version"], capture_output=True, text=True).stdout)
    plugin = os.path.join(work, "count.so")
    subprocess.run(["gcc", "-O2", "-shared", "-fPIC", f"-DVERSION={1 if int(version[1]) < 9 else 2}",
                    os.path.join(ROOT, "tools/cross/count.c"), "-o", plugin], check=True)
    return plugin, None


def measure(options, work, sizes, build_program, callgrind, say):
    """counts[kernel][x64 or a64][native, guarded or checked]"""
    rille = os.path.join(ROOT, "build/a64/rille")
    plugin, missing = prepare(work)
    if not missing and not os.path.exists(rille):
        missing = "tools/cross/setup build/a64 && ninja -C build/a64"
    if missing:
        say(f"missing for aarch64: {missing}")
        return {}
    counters = {"a64": (lambda command: qemu_count(plugin, command), rille, ".a64"),
                "x64": (callgrind, options.rille, ".native")}
    if not shutil.which("valgrind"):
        del counters["x64"]
    result = {}
    for name in options.kernels or sizes:
        program = build_program(name, os.path.join(ROOT, "tests/kernels", name + ".c"))
        subprocess.run(["aarch64-linux-gnu-gcc", "-O2", os.path.join(ROOT, "tests/kernels", name + ".c"), "-o", program + ".a64", "-lm"], check=True)
        say(f"instructions: {name} from N = {sizes[name][0]} to {sizes[name][1]}")
        for target, (count, command, suffix) in counters.items():
            row = result.setdefault(name, {}).setdefault(target, {})
            row["native"] = difference(count, [program + suffix], sizes[name])
            for flavour in FLAVOURS:
                row[flavour] = difference(count, [command, "run", f"--memory={flavour}", program + ".wasm"], sizes[name])
    return result


def ratios(result, target, flavour):
    return {n: r[target][flavour] / r[target]["native"] for n, r in result.items()
            if target in r and r[target].get("native") and r[target].get(flavour)}


def show(result, table, geomean):
    columns = [(t, f) for f in FLAVOURS for t in ("x64", "a64")]
    per = [ratios(result, *c) for c in columns]
    rows = [["instructions / gcc -O2", *(f"{t} {f}" for t, f in columns)]]
    for name in result:
        rows.append([name, *(f"{p[name]:.2f}" if name in p else "-" for p in per)])
    for name, fold in (("geometric mean", geomean), ("worst", max)):
        rows.append([name, *(f"{fold(list(p.values())):.3f}" if p else "-" for p in per)])
    table(rows)


def goals(result, geomean):
    out = []
    for flavour in FLAVOURS:
        here, there = (geomean(list(ratios(result, t, flavour).values())) for t in ("x64", "a64"))
        if here and there:
            out.append((f"instructions, aarch64 / x86-64, both over gcc -O2, {flavour}", there / here, LIMIT, True))
    return out
