#!/usr/bin/env python3
"""Fills a corpus folder. For `net`: addresses, rules, names, certificates and keys. For the others, which take a module: modules of fuzz/gen.py (small ones first) and, given the
folder of the official suite's converted scripts, its binaries up to 16 KiB.

  fuzz/seeds.py CORPUS [SUITE]
"""
import hashlib
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
import gen  # noqa: E402


def net():
    """The target's first byte says what the rest is."""
    texts = [b"\0" + a for a in (b"1.2.3.4:80", b"[::1]:443", b"[fe80::1%3]:0", b"0.0.0.0:65535")]
    texts += [b"\1" + r for r in (b"all", b"none", b"connect=10.0.0.0/8:80-90,listen=[fd00::]/9", b"connect=*.example.com,connect=localhost:*",
                                    b"listen=unix:/tmp/a,connect=unix:/run/,connect=unix:@x")]
    texts += [b"\4" + n for n in (b"/var/run/x.sock", b"./a/../b//c/", b"@abstract", b"/proc/self/root/etc/x")]
    texts += [b"\5\2h2\x08http/1.1\2h2\x08http/1.1", b"\5\1a\1b\1c\1b", b"\6\xff\xff\xff\2h2"]
    with tempfile.TemporaryDirectory() as at:
        made = subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=x",
                               "-keyout", at + "/key", "-out", at + "/cert"], capture_output=True)
        if made.returncode == 0:
            cert, key = open(at + "/cert", "rb").read(), open(at + "/key", "rb").read()
            width = max(len(cert), len(key))  # the target cuts them apart in the middle
            texts += [b"\2" + cert, b"\2" + key, b"\3" + cert.ljust(width, b"\n") + key.ljust(width, b"\n"),
                      b"\6" + cert + b"\xff" + cert + cert + b"\xff" + key + b"\xff\2h2"]
    return texts


def main(corpus, suite=None):
    os.makedirs(corpus, exist_ok=True)
    if os.path.basename(corpus.rstrip("/")) == "net":
        for k, text in enumerate(net()):
            with open(os.path.join(corpus, f"seed{k}"), "wb") as f:
                f.write(text)
        return
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
