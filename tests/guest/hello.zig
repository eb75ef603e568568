// Zig, with its own start-up code and no libc.
// | zig: 8128 is perfect
const std = @import("std");

fn perfect(limit: u32) u32 {
    var best: u32 = 0;
    var n: u32 = 2;
    while (n < limit) : (n += 1) {
        var sum: u32 = 1;
        var d: u32 = 2;
        while (d * d <= n) : (d += 1) {
            if (n % d == 0) sum += d + (if (d * d == n) 0 else n / d);
        }
        if (sum == n) best = n;
    }
    return best;
}

pub fn main() void {
    var text: [64]u8 = undefined;
    const line = std.fmt.bufPrint(&text, "zig: {d} is perfect\n", .{perfect(10000)}) catch unreachable;
    var written: usize = 0;
    const out = [_]std.os.wasi.ciovec_t{.{ .base = line.ptr, .len = line.len }};
    _ = std.os.wasi.fd_write(1, &out, 1, &written);
}
