// AssemblyScript, with its garbage collector, writing through WASI by hand.
// | assemblyscript: 1,1,2,3,5,8,13,21,34,55
@external("wasi_snapshot_preview1", "fd_write")
declare function fd_write(fd: i32, iovs: usize, count: i32, written: usize): i32;

// in place of the import that the compiler would make
function abort(message: string | null, file: string | null, line: u32, column: u32): void {
  unreachable();
}

function print(text: string): void {
  const bytes = String.UTF8.encode(text);
  const iov = memory.data(16);
  store<usize>(iov, changetype<usize>(bytes));
  store<i32>(iov + 4, bytes.byteLength);
  fd_write(1, iov, 1, iov + 8);
}

export function _start(): void {
  const list: i32[] = [1, 1];
  while (list.length < 10) list.push(list[list.length - 1] + list[list.length - 2]);
  for (let i = 0; i < 20000; i++) new Array<i32>(100); // garbage
  print("assemblyscript: " + list.join(",") + "\n");
}
