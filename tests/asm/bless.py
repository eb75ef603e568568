#!/usr/bin/env python3
"""Makes x64.txt and a64.txt: the texts the programs `encode_x64` and `encode_a64` print, each with the bytes GNU as gives
it; aarch64 also with llvm-mc's, which must be the same.

usage: bless.py BUILD       BUILD/tests/asm/encode_* have been built"""
import os
import re
import subprocess
import sys
import tempfile


def gas(command, start, texts):
    """The bytes of each line, from the assembler's listing."""
    with tempfile.TemporaryDirectory() as tmp:
        with open(f"{tmp}/a.s", "w") as f:
            f.write(start + "\n")
            f.writelines(text + "\n" for text in texts)
        subprocess.run([*command, "-o", f"{tmp}/a.o", f"-aln={tmp}/a.lst", "--listing-lhs-width=8", f"{tmp}/a.s"], check=True)
        codes = {}
        for line in open(f"{tmp}/a.lst"):
            row = re.match(r"\s*(\d+) [0-9a-f]{4,} ([0-9A-F]+(?: [0-9A-F]+)*)(?:\s|$)", line)
            if row:
                codes[int(row[1])] = codes.get(int(row[1]), "") + row[2].replace(" ", "").lower()
    return [codes[i + 2] for i in range(len(texts))]


def llvm(texts):
    # labels it writes as fixups, which the object file has resolved
    with tempfile.TemporaryDirectory() as tmp:
        source = "".join(re.sub(r" \.([+-])(\d+)$", lambda m: f" #{m[1]}{m[2]}", text) + "\n" for text in texts)
        subprocess.run(["llvm-mc", "--triple=aarch64", "--mattr=+bti", "--filetype=obj", "-o", f"{tmp}/a.o"], input=source, text=True, check=True)
        subprocess.run(["llvm-objcopy", "-O", "binary", f"{tmp}/a.o", f"{tmp}/a.bin"], check=True)
        code = open(f"{tmp}/a.bin", "rb").read()
    return [code[i:i + 4].hex() for i in range(0, len(code), 4)]


here = os.path.dirname(os.path.abspath(__file__))
for target, command, start in (("x64", ["as", "--64"], ".intel_syntax noprefix"), ("a64", ["aarch64-linux-gnu-as"], ".arch armv8.5-a")):
    run = subprocess.run([f"{sys.argv[1]}/tests/asm/encode_{target}"], check=True, capture_output=True, text=True)
    texts = run.stdout.splitlines()
    codes = gas(command, start, texts)
    if target == "a64":
        for text, one, two in zip(texts, codes, llvm(texts)):
            if one != two:
                sys.exit(f"{text}: GNU as says {one}, llvm-mc {two}")
    with open(f"{here}/{target}.txt", "w") as f:
        f.writelines(f"{text}\t{code}\n" for text, code in zip(texts, codes))
