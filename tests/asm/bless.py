#!/usr/bin/env python3
"""Makes x64.txt: the texts the program `encode` prints, each with the bytes GNU as gives it.

usage: bless.py ENCODE > x64.txt"""
import re
import subprocess
import sys
import tempfile

texts = subprocess.run([sys.argv[1]], check=True, capture_output=True, text=True).stdout.splitlines()
with tempfile.TemporaryDirectory() as tmp:
    with open(f"{tmp}/a.s", "w") as f:
        f.write(".intel_syntax noprefix\n")
        f.writelines(text + "\n" for text in texts)
    subprocess.run(["as", "--64", "-o", f"{tmp}/a.o", "-aln=" + f"{tmp}/a.lst", "--listing-lhs-width=8", f"{tmp}/a.s"], check=True)
    codes = {}
    for line in open(f"{tmp}/a.lst"):
        row = re.match(r"\s*(\d+) [0-9a-f]{4,} ([0-9A-F]+(?: [0-9A-F]+)*)(?:\s|$)", line)
        if row:
            codes.setdefault(int(row[1]), "")
            codes[int(row[1])] += row[2].replace(" ", "").lower()
for number, text in enumerate(texts):
    print(f"{text}\t{codes[number + 2]}")
