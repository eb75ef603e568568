"""Processes: what spawning, messages, timers and waiting cost here, in the lunatic runtime, in Go and in Erlang.

One program in four languages (tests/bench-proc), which measures itself and prints nanoseconds per operation; each scene
has counts of its own for runtimes that are much slower. Scenes for one core are pinned to one. Every figure is the minimum
or median of some turns, in which the subjects alternate; a subject that cannot finish a scene in time shows as "-".
"""
import os
import re
import shutil
import signal
import statistics
import subprocess
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
SOURCES = os.path.join(ROOT, "tests/bench-proc")
LIMIT = 10      # seconds a scene may take one subject
BUDGET = 120    # seconds after which turns but the first stop
M = 1000000


class Scene:
    """One line of the table. counts: operations of rille (C, Rust), Go, BEAM, lunatic; 0: leaves it out."""
    def __init__(self, title, program, members, cores, *counts, per="", lunatic_members=None, turns=9):
        self.title, self.program, self.members, self.cores, self.per, self.turns = title, program, members, cores, per, turns
        self.counts = dict(zip(("rille", "rille-rust", "go", "beam", "lunatic", "lunatic-rust"),
                               (*counts, counts[-1] if counts[1] else 0)))
        self.lunatic_members = lunatic_members or members

    def args(self, subject, share=1):
        members = self.lunatic_members if subject.startswith("lunatic") else self.members
        return [self.program, str(max(members if self.together() else 1, self.counts[subject] // share)), str(members)]

    def together(self):
        """Whether the operations are shared out among the members, so that there must be one for each."""
        return self.program in ("wave", "fan", "pairs")


# cores 0: all there are
SCENES = [
    Scene("spawn, one message, exit", "spawn", 0, 1, 300000, 100000, 500000, 300000, 1000),
    Scene("waves of 1000", "wave", 1000, 1, 300000, 100000, 500000, 300000, 1000),
    Scene("ping-pong, one core", "ping", 0, 1, M, M, M, 500000, 20000),
    Scene("ping-pong, all cores", "ping", 0, 0, M, M, M, 500000, 10000),
    Scene("ping-pong across cores", "cross", 0, 0, 200000, 200000, 200000, 100000, 2000),
    Scene("64 pairs, all cores", "pairs", 64, 0, M, M, M, 500000, 10000),
    Scene("ring of 10^3, a hop", "ring", 1000, 1, M, M, M, M, 20000),
    Scene("ring of 10^4", "ring", 10000, 1, M, M, M, M, 20000, turns=2),
    Scene("ring of 10^5", "ring", 100000, 1, M, M, M, M, 0, turns=1),
    Scene("ring of 10^6", "ring", M, 1, 2 * M, 0, 2 * M, 2 * M, 0, turns=1),
    Scene("fan-in, 2 senders", "fan", 2, 1, M, M, M, M, 50000),
    Scene("fan-in, 100 senders", "fan", 100, 1, M, M, M, M, 50000),
    Scene("fan-in, 100, all cores", "fan", 100, 0, M, M, M, M, 20000),
    Scene("10^6 unread, in order", "unread", 0, 1, M, M, M, M, M, turns=2),
    Scene("by tag behind 10^5", "selective", 100000, 1, 500, 500, 0, 500, 100),
    Scene("call behind 10^5", "call", 100000, 1, 200000, 0, 0, 20000, 2000),
    Scene("timer set, cancelled", "cancel", 0, 1, 500000, 500000, 500000, 500000, 100000),
    Scene("timer set, fired", "fire", 0, 1, 200000, 200000, 200000, 200000, 50000),
    Scene("skynet, a leaf of 10^6", "skynet", 0, 0, M, 100000, M, M, 1000, turns=2),
    Scene("64 spin, a 65th's delay", "spin", 64, 0, 300, 300, 5, 50, 50),
]
COUNTED = [Scene(t, p, m, 1, *([n] * 5)) for t, p, m, n in (
    ("spawn, one message, exit", "spawn", 0, 20000), ("waves of 1000", "wave", 1000, 20000), ("ping-pong", "ping", 0, 40000),
    ("ring of 1000, a hop", "ring", 1000, 40000), ("fan-in, 100 senders", "fan", 100, 40000),
    ("timer set, cancelled", "cancel", 0, 40000))]
IDLE = {"rille": 100000, "rille-rust": 50000, "go": 100000, "beam": 100000, "lunatic": 4000, "lunatic-rust": 4000}


class Subject:
    def __init__(self, name, note, command, env=None):
        self.name, self.note, self._command, self.env = name, note, command, env or (lambda cores: {})

    def run(self, cores, args):
        """(command line, environment) to run the program on one core or all."""
        pin = ["taskset", "-c", str(min(os.sched_getaffinity(0)))] if cores == 1 else []
        return pin + self._command(cores or os.cpu_count()) + args, {**os.environ, **self.env(cores or os.cpu_count())}


# ---- building ----

def newer(source, target):
    return not os.path.exists(target) or os.path.getmtime(target) < os.path.getmtime(source)


def build(what, command, source, target, say, **more):
    if not newer(source, target):
        return target
    say(f"processes: building {what}")
    p = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, **more)
    if p.returncode:
        say("  ! " + (p.stderr.strip().splitlines() or ["it failed"])[-1][:160])
        return None
    os.utime(target)
    return target


def build_c(work, say):
    source, target = os.path.join(SOURCES, "bench.c"), os.path.join(work, "bench-c.wasm")
    return build("the C guest", ["clang", "--target=wasm32-wasi", "-O2", "-I", os.path.join(ROOT, "include"), source, "-o", target],
                 source, target, say)


def build_rust(work, say):
    source, target = os.path.join(SOURCES, "rust/src/main.rs"), os.path.join(ROOT, "build/guests/bench.wasm")
    return build("the Rust guest", [os.path.join(ROOT, "tools/guests"), "bench"], source, target, say)


def find_go():
    return shutil.which("go") or next((p for p in ("/usr/local/go/bin/go", "/usr/lib/go/bin/go") if os.path.exists(p)), None)


def peers_of(rille, peers, work, say):
    """Subjects present, and (name, package) of the missing."""
    found, missing = [], []
    lunatic = next((p for p in (os.path.join(peers, "bin/lunatic"), shutil.which("lunatic"),
                                os.path.expanduser("~/.cargo/bin/lunatic")) if p and os.path.exists(p)), None)
    for suffix, guest in (("", build_c(work, say)), ("-rust", build_rust(work, say))):
        language = "Rust" if suffix else "C"
        if rille and guest:
            found.append(Subject("rille" + suffix, f"rille, {language} guest",
                                 lambda cores, g=guest: [rille, "run", f"--workers={cores}", g]))
        if lunatic and guest:
            found.append(Subject("lunatic" + suffix, f"lunatic, {language} guest", lambda cores, g=guest: [lunatic, "run", g]))
    if not lunatic:
        missing.append(("lunatic", "cargo install lunatic-runtime"))
    go, target = find_go(), os.path.join(work, "bench-go")
    source = os.path.join(SOURCES, "bench.go")
    if go and build("the Go program", [go, "build", "-o", target, source], source, target, say,
                    env={**os.environ, "CGO_ENABLED": "0"}):
        found.append(Subject("go", "Go, goroutines and channels", lambda cores: [target], lambda cores: {"GOMAXPROCS": str(cores)}))
    else:
        missing.append(("go", "apt install golang-go (1.22 or newer)"))
    erlc, source = shutil.which("erlc"), os.path.join(SOURCES, "bench.erl")
    if erlc and build("the Erlang program", [erlc, "-o", work, source], source, os.path.join(work, "bench.beam"), say):
        found.append(Subject("beam", "Erlang on BEAM", lambda cores: ["erl", "-noshell", "-noinput", "+S", f"{cores}:{cores}", "+P",
                                                                      "4000000", "-pa", work, "-run", "bench", "main"]))
    else:
        missing.append(("beam", "apt install erlang-base"))
    order = list(SCENES[0].counts)
    return sorted(found, key=lambda s: order.index(s.name)), missing


# ---- time ----

def measure_one(subject, scene, share=1):
    """Nanoseconds per operation, or a text saying why there is none."""
    command, env = subject.run(scene.cores, scene.args(subject.name, share))
    try:
        p = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, env=env, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        return f"over {LIMIT} s"
    m = re.search(r"^\w+: (-?[0-9.]+) ns$", p.stdout, re.M)
    if p.returncode or not m:
        return (p.stderr.strip().splitlines() or [f"status {p.returncode}"])[0][:120]
    return float(m[1])


def measure_times(subjects, turns, share, say):
    started, times, failed = time.monotonic(), {}, {}
    for turn in range(turns):
        if time.monotonic() - started > BUDGET:
            say(f"processes: {turn} turns of {turns}, no time for more")
            break
        say(f"processes: turn {turn + 1} of {turns}")
        for scene in SCENES:
            for s in subjects:
                key = scene.title, s.name
                if turn and time.monotonic() - started > BUDGET:
                    continue
                if turn >= scene.turns or key in failed or not scene.counts[s.name]:
                    continue
                ns = measure_one(s, scene, share)
                if isinstance(ns, str):
                    failed[key] = ns
                    say(f"  ! {s.name}: {scene.title}: {ns}")
                else:
                    times.setdefault(scene.title, {}).setdefault(s.name, []).append(ns)
    return {"ns": times, "failed": [[*k, v] for k, v in failed.items()]}


def short(ns):
    for limit, scale, unit in ((1e4, 1, "ns"), (1e7, 1e3, "us"), (1e10, 1e6, "ms")):
        if ns < limit:
            return f"{ns / scale:.0f} {unit}" if ns / scale >= 100 else f"{ns / scale:.1f} {unit}"
    return f"{ns / 1e9:.1f} s"


RATIOS = [("rille", "go"), ("rille", "beam"), ("rille", "lunatic"), ("rille-rust", "go"), ("rille-rust", "beam"),
          ("rille-rust", "lunatic-rust")]


def print_times(result, subjects, table):
    names = [s.name for s in subjects]
    for label, pick in (("minimum", min), ("median", statistics.median)):
        best = {t: {s: pick(v) for s, v in row.items()} for t, row in result["ns"].items()}
        table([[f"an operation, {label}", *names],
               *([t, *(short(row[s]) if s in row else "-" for s in names)] for t, row in best.items())])
        pairs = [(a, b) for a, b in RATIOS if a in names and b in names]
        table([[f"ratio of times, {label}", *(f"{b}/{a}" for a, b in pairs)],
               *([t, *(f"{row[b] / row[a]:.2f}x" if a in row and b in row and row[a] > 0 else "-" for a, b in pairs)]
                 for t, row in best.items())])
        result[label] = best


# ---- idle processes ----

def looked_at(pid):
    """(resident bytes, mappings)"""
    status = open(f"/proc/{pid}/status").read()
    return int(re.search(r"VmRSS:\s*(\d+)", status)[1]) * 1024, sum(1 for _ in open(f"/proc/{pid}/maps"))


def idle_once(subject, members):
    command, env = subject.run(1, ["idle", "60000", str(members)])
    p = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, env=env,
                         start_new_session=True)
    watch = subprocess.Popen(["sleep", str(LIMIT + 8)], stdout=subprocess.DEVNULL)  # a bound on the line that never comes
    try:
        os.set_blocking(p.stdout.fileno(), False)
        seen = b""
        while b"ready" not in seen and p.poll() is None and watch.poll() is None:
            seen += p.stdout.read() or b""
            time.sleep(0.02)
        return looked_at(p.pid) if b"ready" in seen else None
    finally:
        watch.kill()
        watch.wait()
        if p.poll() is None:
            os.killpg(p.pid, signal.SIGKILL)
        p.wait()


def measure_idle(subjects, share, say):
    result = {}
    for s in subjects:
        many = max(1000, IDLE[s.name] // share)
        few = many // 10
        a, b = idle_once(s, few), idle_once(s, many)
        if a and b:
            result[s.name] = {"members": many, "bytes": (b[0] - a[0]) / (many - few), "mappings": (b[1] - a[1]) / (many - few)}
        else:
            say(f"  ! {s.name}: idle: not ready in time")
    return result


def print_idle(result, table):
    if result:
        table([["idle processes", "alive", "bytes each", "mappings each"],
               *([s, str(v["members"]), f"{v['bytes']:.0f}", f"{v['mappings']:.4f}"] for s, v in result.items())])


# ---- counts ----

def count_syscalls(command, env, work):
    out = os.path.join(work, "strace.out")
    subprocess.run(["strace", "-f", "-qq", "-c", "-U", "calls,name", "-o", out, *command], env=env, timeout=60,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    m = re.search(r"^\s*(\d+)\s+total", open(out).read(), re.M)
    return int(m[1]) if m else None


def count_faults(command, env, work):
    p = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    _, status, usage = os.wait4(p.pid, 0)
    p.returncode = status
    return usage.ru_minflt if not status else None


def count_allocations(command, env, work):
    """Calls of malloc and its kin, by a library loaded first; Go counts its own. Erlang's allocators cannot be seen."""
    counter = os.path.join(work, "allocations.so")
    source = os.path.join(HERE, "allocations.c")
    if newer(source, counter):
        subprocess.run(["gcc", "-O2", "-shared", "-fPIC", source, "-o", counter], check=True)
    p = subprocess.run(command, env={**env, "LD_PRELOAD": counter, "COUNT_ALLOCATIONS": "1"}, capture_output=True, text=True,
                       timeout=60, stdin=subprocess.DEVNULL)
    found = [int(n) for n in re.findall(r"^allocations: (\d+)$", p.stderr, re.M)]
    return max(found) if found and not p.returncode else None


def count_instructions(command, env, work):
    run = command.index("run")  # without taskset in front; valgrind knows no GS base
    command = [command[run - 1], "run", "--memory=checked", *command[run + 1:]]
    # valgrind counts every byte of a rep stosb, so clearing memory is to use ordinary stores
    env = {**env, "GLIBC_TUNABLES": "glibc.cpu.x86_rep_stosb_threshold=1000000000:glibc.cpu.x86_rep_movsb_threshold=1000000000"}
    p = subprocess.run(["valgrind", "--trace-children=yes", "--tool=callgrind", "--callgrind-out-file=/dev/null", *command], env=env, timeout=120,
                       capture_output=True, text=True, stdin=subprocess.DEVNULL)
    m = re.search(r"Collected : (\d+)", p.stderr)
    return int(m[1]) if m and not p.returncode else None


COUNTERS = {
    "system calls": (count_syscalls, None, 1, "strace"),
    "page faults": (count_faults, None, 1, None),
    "allocations": (count_allocations, ("rille", "rille-rust", "go", "lunatic", "lunatic-rust"), 1, "gcc"),
    "instructions": (count_instructions, ("rille", "rille-rust"), 10, "valgrind"),  # valgrind is 50 times slower
}


def per_operation(counter, subject, scene, share, work):
    """Counts of two runs, the second with more operations: the difference leaves out starting and compiling."""
    slow = 4 if subject.name.startswith("lunatic") else 1
    totals, sizes = [], []
    for part in (5, 1):
        args = scene.args(subject.name, share * slow * part)
        command, env = subject.run(1, args)
        totals.append(counter(command, env, work))
        sizes.append(int(args[1]))
    return (totals[1] - totals[0]) / (sizes[1] - sizes[0]) if None not in totals else None


def measure_counts(subjects, work, say):
    result = {}
    for what, (counter, who, share, tool) in COUNTERS.items():
        if tool and not shutil.which(tool):
            say(f"processes: no {what}: missing {tool}")
            continue
        say(f"processes: counting {what}")
        for scene in COUNTED:
            for s in subjects:
                if who and s.name not in who:
                    continue
                try:
                    n = per_operation(counter, s, scene, share, work)
                except subprocess.TimeoutExpired:
                    n = None
                if n is not None:
                    result.setdefault(what, {}).setdefault(scene.title, {})[s.name] = n
    return result


def print_counts(result, subjects, table):
    names = [s.name for s in subjects]
    for what, rows in result.items():
        table([[f"{what} an operation", *names],
               *([t, *(f"{row[s]:.0f}" if s in row and row[s] >= 100 else f"{row[s]:.2f}" if s in row else "-" for s in names)]
                 for t, row in rows.items())])


# ---- what tools/bench calls ----

def measure(options, say):
    work = os.path.join(ROOT, "build/bench")
    rille = options.rille if os.access(options.rille, os.X_OK) else None
    subjects, missing = peers_of(rille, options.peers, work, say)
    if options.subjects:
        subjects = [s for s in subjects if s.name in options.subjects]
    for name, package in missing:
        say(f"missing {name}: {package}")
    say("processes: " + ", ".join(f"{s.name} ({s.note})" for s in subjects))
    share = 10 if options.quick else 1
    result = measure_times(subjects, min(options.runs, 5), share, say)
    result["idle"] = measure_idle(subjects, share, say)
    result["counts"] = measure_counts([s for s in subjects if not options.quick or s.name.startswith("rille")], work, say)
    result["subjects"] = {s.name: s.note for s in subjects}
    return result, subjects


def show(measured, table):
    result, subjects = measured
    print_times(result, subjects, table)
    print_idle(result["idle"], table)
    print_counts(result["counts"], subjects, table)


def goals(result):
    """(what, measured, limit, True when smaller is better)"""
    best, out = result.get("minimum", {}), []
    at_most = [("spawn, one message, exit", 250), ("ping-pong, one core", 100), ("ring of 10^3, a hop", 70),
               ("fan-in, 2 senders", 36), ("fan-in, 100 senders", 36), ("10^6 unread, in order", 1000),
               ("skynet, a leaf of 10^6", 450)]
    ahead = [("spawn, one message, exit", "rille", "go", 1), ("spawn, one message, exit", "rille", "beam", 1),
             ("spawn, one message, exit", "rille-rust", "beam", 1), ("ping-pong, one core", "rille", "go", 1),
             ("ping-pong, one core", "rille", "beam", 4), ("ring of 10^5", "rille", "go", 1), ("ring of 10^5", "rille", "beam", 1)]
    for title, limit in at_most:
        if "rille" in best.get(title, {}):
            out.append((f"{title}, ns", best[title]["rille"], limit, True))
    for title, a, b, times in ahead:
        row = best.get(title, {})
        if a in row and b in row:
            out.append((f"{title}, {b} / {a}", row[b] / row[a], times, False))
    for s, limit in (("rille", 12500), ("rille-rust", 40000)):
        if s in result.get("idle", {}):
            out.append((f"an idle process, {s}, bytes", result["idle"][s]["bytes"], limit, True))
    return out
