// Classes, generics, typed arrays, maps, strings and the collector of AssemblyScript.
@external("wasi_snapshot_preview1", "fd_write")
declare function fd_write(fd: i32, iovs: usize, n: i32, written: usize): i32;
@external("wasi_snapshot_preview1", "proc_exit")
declare function proc_exit(code: i32): void;

function say(text: string): void {
  const bytes = String.UTF8.encode(text + "\n");
  const iov = new StaticArray<usize>(3);
  iov[0] = changetype<usize>(bytes);
  iov[1] = bytes.byteLength;
  fd_write(1, changetype<usize>(iov), 1, changetype<usize>(iov) + 8);
}

function failed(message: string | null, file: string | null, line: u32, column: u32): void {
  say("abort: " + (message ? message : "?"));
  proc_exit(9);
}

abstract class Node {
  abstract value(): f64;
}
class Leaf extends Node {
  constructor(public n: f64) { super(); }
  value(): f64 { return this.n; }
}
class Sum extends Node {
  constructor(public a: Node, public b: Node) { super(); }
  value(): f64 { return this.a.value() + this.b.value() * 0.5; }
}

function tree(depth: i32): Node {
  return depth == 0 ? new Leaf(<f64>depth + 1.25) : new Sum(tree(depth - 1), tree(depth - 1));
}

function life(steps: i32): i32 {
  const w = 64;
  let now = new Uint8Array(w * w), next = new Uint8Array(w * w);
  for (let i = 0; i < w * w; i++) now[i] = <u8>((i * 7 + i / 3) % 5 == 0);
  for (let s = 0; s < steps; s++) {
    for (let y = 0; y < w; y++)
      for (let x = 0; x < w; x++) {
        let n = 0;
        for (let dy = -1; dy <= 1; dy++)
          for (let dx = -1; dx <= 1; dx++)
            if (dx | dy) n += now[((y + dy) & (w - 1)) * w + ((x + dx) & (w - 1))];
        next[y * w + x] = <u8>(n == 3 || (n == 2 && now[y * w + x] == 1));
      }
    const t = now;
    now = next;
    next = t;
  }
  let alive = 0;
  for (let i = 0; i < w * w; i++) alive += now[i];
  return alive;
}

export function _start(): void {
  let sum = 0.0;
  for (let i = 0; i < 200; i++) sum += tree(8).value();
  say("tree " + sum.toString());
  say("life " + life(60).toString());
  const words = new Map<string, i32>();
  const parts = "one two three two three three äöü €".split(" ");
  for (let i = 0; i < parts.length; i++) words.set(parts[i], (words.has(parts[i]) ? words.get(parts[i]) : 0) + 1);
  say("words " + words.keys().join(",") + " " + words.values().join(","));
  const a = new Array<i32>();
  for (let i = 0; i < 2000; i++) a.push((i * 7919) % 2003);
  a.sort((x, y) => y - x);
  say("sort " + a.slice(0, 8).join(" ") + " " + a.indexOf(1000).toString());
  say("numbers " + (1.0 / 3.0).toString() + " " + f32.MAX_VALUE.toString() + " " + Math.sin(1.0).toString() + " " + (<i64>-5 / 2).toString());
  say("unreached " + a[5000].toString());
}
