#!/usr/bin/env python3
"""Fills a corpus folder for the fuzz targets that take a module: modules of fuzz/gen.py (small ones first) and, given the
folder of the official suite's converted scripts, its binaries up to 16 KiB.

  fuzz/seeds.py CORPUS [SUITE]
"""
import hashlib
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
import gen  # noqa: E402


def main(corpus, suite=None):
    os.makedirs(corpus, exist_ok=True)
    modules = [gen.module(seed) for seed in range(120)]
    for folder, _, names in os.walk(suite) if suite else []:
        for name in (n for n in names if n.endswith(".wasm")):
            modules.append(open(os.path.join(folder, name), "rb").read())
    kept = {m for m in modules if len(m) <= 16384}
    for m in kept:
        with open(os.path.join(corpus, hashlib.sha1(m).hexdigest()), "wb") as f:
            f.write(m)
    print(f"{len(kept)} seeds in {corpus}")


if __name__ == "__main__":
    main(*sys.argv[1:])
