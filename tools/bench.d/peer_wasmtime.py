"""Runs or compiles one module with wasmtime's Python package (PyPI: wasmtime).

  peer_wasmtime.py [--winch] [--fuel] [--epochs] [--dir=HOST[::GUEST]] [--env=K=V] FILE.wasm ARGS...
  peer_wasmtime.py --compile=N [--winch] FILE.wasm       prints one JSON line: nanoseconds of N compilations

The exit status is the guest's, or 134 after a trap. Compilation uses one thread: `cpu` is what tools/bench compares.
"""
import json
import sys
import time

import wasmtime
import wasmtime._bindings


def config(options):
    c = wasmtime.Config()
    # The package's own property knows Cranelift only; the C library behind it takes Winch as well.
    wasmtime._bindings.wasmtime_config_strategy_set(c.ptr(), 2 if "--winch" in options else 1)
    c.consume_fuel = "--fuel" in options
    c.epoch_interruption = "--epochs" in options
    c.parallel_compilation = not any(o.startswith("--compile=") for o in options)
    return c


def compile_only(engine, path, times):
    data = open(path, "rb").read()
    wall, cpu = [], []
    for _ in range(times):
        w, p = time.perf_counter_ns(), time.process_time_ns()
        module = wasmtime.Module(engine, data)
        cpu.append(time.process_time_ns() - p)
        wall.append(time.perf_counter_ns() - w)
        del module
    print(json.dumps({"wall": wall, "cpu": cpu}))


def run(engine, options, path, args):
    store = wasmtime.Store(engine)
    if "--fuel" in options:
        store.set_fuel(1 << 62)
    if "--epochs" in options:
        store.set_epoch_deadline(1 << 40)
    wasi = wasmtime.WasiConfig()
    wasi.argv = [path] + args
    wasi.env = [o[6:].split("=", 1) for o in options if o.startswith("--env=")]
    wasi.inherit_stdin()
    wasi.inherit_stdout()
    wasi.inherit_stderr()
    for o in options:
        if o.startswith("--dir="):
            host, _, guest = o[6:].partition("::")
            wasi.preopen_dir(host, guest or host)
    store.set_wasi(wasi)
    linker = wasmtime.Linker(engine)
    linker.define_wasi()
    instance = linker.instantiate(store, wasmtime.Module.from_file(engine, path))
    try:
        instance.exports(store)["_start"](store)
    except wasmtime.ExitTrap as e:
        return e.code
    except (wasmtime.Trap, wasmtime.WasmtimeError) as e:
        print(e, file=sys.stderr)
        return 134
    return 0


def main(argv):
    options = []
    while argv and argv[0].startswith("--"):
        options.append(argv.pop(0))
    engine = wasmtime.Engine(config(options))
    times = [int(o[10:]) for o in options if o.startswith("--compile=")]
    if times:
        compile_only(engine, argv[0], times[0])
        return 0
    return run(engine, options, argv[0], argv[1:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
