"""The network: an echo server and a small web server, with a process for each connection in rille (a Rust guest), lunatic and
Erlang, a goroutine in Go, against a bare epoll loop in C (tests/bench-net). One client for all: requests per second, times
of answers, CPU time of the server for each request. Server and client have a core each. Turns alternate, as
many as fit into two minutes; the best of each subject counts. "web" is a program of the submillisecond framework (tests/web), which only rille and lunatic run: a process
for each request. Then memory for each of many idle connections.
"""
import os
import re
import resource
import shutil
import statistics
import subprocess
import tempfile
import time

from processes import ROOT, build, find_go

SOURCES = os.path.join(ROOT, "tests/bench-net")
SCENES = [(mode, n) for mode in ("echo", "http") for n in (1, 64, 1000)] + [("churn", 64), ("web", 64)]
WEB = ("rille", "lunatic")
WEB_GUEST = os.path.join(ROOT, "build/guests/web/hello.wasm")
IDLE = 10000
TURNS, IDLES = 130, 40  # seconds that all turns, and the idle connections, may take
TICK = 1 / os.sysconf("SC_CLK_TCK")


def find_all(rille, peers, work, say):
    """{name: command} of the servers there are; the client; (name, package) of what is missing."""
    found, missing = {}, []

    def native(name):
        return build(f"{name} in C", ["gcc", "-O2", os.path.join(SOURCES, name + ".c"), "-o", os.path.join(work, "net-" + name)],
                     os.path.join(SOURCES, name + ".c"), os.path.join(work, "net-" + name), say)
    client, server = native("load"), native("server")
    if server:
        found["C, epoll"] = [server]
    guest = build("the Rust servers", [os.path.join(ROOT, "tools/guests"), "net"], os.path.join(SOURCES, "rust/src/main.rs"),
                  os.path.join(ROOT, "build/guests/bench-net.wasm"), say)
    if rille and guest:
        found["rille"] = [rille, "run", guest]
    build("the framework's servers", [os.path.join(ROOT, "tools/guests"), "web"], os.path.join(ROOT, "tests/web/src/bin/hello.rs"), WEB_GUEST, say)
    go, target = find_go(), os.path.join(work, "net-go")
    source = os.path.join(SOURCES, "server.go")
    if go and build("the Go server", [go, "build", "-o", target, source], source, target, say, env={**os.environ, "CGO_ENABLED": "0"}):
        found["Go"] = [target]
    else:
        missing.append(("go", "apt install golang-go (1.22 or newer)"))
    erlc, source = shutil.which("erlc"), os.path.join(SOURCES, "server.erl")
    if erlc and build("the Erlang server", [erlc, "-o", work, source], source, os.path.join(work, "server.beam"), say):
        found["BEAM"] = ["erl", "-noshell", "-noinput", "+S", "1:1", "-pa", work, "-run", "server", "main"]
    else:
        missing.append(("beam", "apt install erlang-base"))
    lunatic = next((p for p in (os.path.join(peers, "bin/lunatic"), shutil.which("lunatic"),
                                os.path.expanduser("~/.cargo/bin/lunatic")) if p and os.path.exists(p)), None)
    if lunatic and guest:
        found["lunatic"] = [lunatic, "run", guest]
    else:
        missing.append(("lunatic", "cargo install lunatic-runtime"))
    return found, client, missing


class Server:
    def __init__(self, command, mode, core):
        pin = ["taskset", "-c", str(core)] if core is not None else []
        self.out = tempfile.TemporaryFile()  # a file, as the framework's program writes a line for each request
        self.p = subprocess.Popen([*pin, *command, mode], stdout=self.out, stderr=subprocess.DEVNULL, env={**os.environ, "GOMAXPROCS": "1"})
        while not (said := re.search(rb"(?:port |127\.0\.0\.1:)(\d+)\D", os.pread(self.out.fileno(), 1000, 0))):
            if self.p.poll() is not None:
                raise RuntimeError(f"{command[0]} ended")
            time.sleep(0.01)
        self.port = said[1].decode()

    def cpu(self):
        f = open(f"/proc/{self.p.pid}/stat").read().rsplit(")", 1)[1].split()
        return (int(f[11]) + int(f[12])) * TICK

    def memory(self):
        return int(re.search(r"^VmRSS:\s+(\d+)", open(f"/proc/{self.p.pid}/status").read(), re.M)[1]) * 1024

    def stop(self):
        self.p.kill()
        self.p.communicate()


def measure_one(command, client, mode, n, seconds, cores):
    """Requests a second, p50 and p99 in microseconds, CPU microseconds each; or None."""
    if mode == "web":
        command = [*command[:-1], WEB_GUEST]
    s = Server(command, "http" if mode == "http" else "echo", cores[0])
    try:
        began = s.cpu()
        pin = ["taskset", "-c", str(cores[1])] if cores[1] is not None else []
        p = subprocess.run([*pin, client, s.port, str(n), str(seconds), "http" if mode == "web" else mode], capture_output=True, text=True, timeout=seconds + 10)
        m = re.match(r"requests (\S+) p50 (\S+) p99 (\S+) total (\d+)", p.stdout)
        return m and [float(m[1]), float(m[2]), float(m[3]), (s.cpu() - began) / (float(m[4]) or 1) * 1e6]
    except subprocess.TimeoutExpired:
        return None
    finally:
        s.stop()


def measure_idle(command, client, n):
    """Bytes of the server's memory for each of n connections that have said something once; or None."""
    s = Server(command, "echo", None)
    began = s.memory()
    c = subprocess.Popen([client, s.port, str(n), "0", "idle"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        return (s.memory() - began) / n if c.stdout.readline().startswith("idle") else None
    finally:
        c.kill(), c.communicate()
        s.stop()


def measure(options, say):
    work = os.path.join(ROOT, "build/bench")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    idle = min(IDLE, hard - 100)
    rille = os.path.abspath(options.rille) if os.access(options.rille, os.X_OK) else None
    subjects, client, missing = find_all(rille, options.peers, work, say)
    for name, package in missing:
        say(f"network: missing {name}: {package}")
    cpus = sorted(os.sched_getaffinity(0))
    cores = cpus[:2] if len(cpus) > 1 else [None, None]
    turns, seconds = (1, 1) if options.quick else (3, 1)
    times, failed = {}, set()
    began = time.monotonic()
    for turn in range(turns):
        took = time.monotonic() - began
        if turn and took + took / turn > TURNS:
            break
        say(f"network: turn {turn + 1} of {turns}" + (" at most" if turns > 1 else ""))
        for mode, n in SCENES:
            for name, command in subjects.items():
                if (mode, n, name) in failed or mode == "web" and (name not in WEB or not os.path.exists(WEB_GUEST)):
                    continue
                got = measure_one(command, client, mode, n, seconds, cores)
                if not got:
                    failed.add((mode, n, name))
                    say(f"  ! {name}: {mode} {n}: no result")
                else:
                    times.setdefault(f"{mode} {n}", {}).setdefault(name, []).append(got)
    best = {scene: {name: {"requests": max(r[0] for r in rows), "p50": min(r[1] for r in rows), "p99": min(r[2] for r in rows),
                           "cpu": min(r[3] for r in rows), "median": statistics.median(r[0] for r in rows)}
                    for name, rows in by.items()} for scene, by in times.items()}
    began = time.monotonic()
    memory = {name: measure_idle(command, client, idle if name != "lunatic" else 1000) for name, command in subjects.items()
              if time.monotonic() - began < IDLES}
    return {"best": best, "idle": memory, "connections": idle}, list(subjects)


def show(measured, table):
    result, names = measured
    for what, field, form in (("requests a second", "requests", "{:.0f}"), ("p50, microseconds", "p50", "{:.0f}"),
                              ("p99, microseconds", "p99", "{:.0f}"), ("CPU for each, microseconds", "cpu", "{:.2f}")):
        table([[what, *names]] + [[scene, *(form.format(by[n][field]) if n in by else "-" for n in names)] for scene, by in result["best"].items()])
    table([["requests over C's", *names]] + [[scene, *("{:.2f}".format(by[n]["requests"] / by[names[0]]["requests"]) if n in by and names[0] in by else "-"
                                                       for n in names)] for scene, by in result["best"].items()])
    web = result["best"].get("web 64", {})
    if all(n in web for n in WEB):
        table([["submillisecond, 64 connections", "requests over lunatic's"], ["rille", "{:.1f}".format(web["rille"]["requests"] / web["lunatic"]["requests"])]])
    table([["bytes for an idle connection", *names], [f"of {result['connections']}", *(f"{result['idle'][n]:.0f}" if result["idle"].get(n) else "-" for n in names)]])
