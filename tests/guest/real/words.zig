//! Comptime, errors, hash maps, allocators and wide integers of Zig's standard library.
const std = @import("std");

const Shape = union(enum) {
    circle: f64,
    box: [2]f64,
    fn area(self: Shape) f64 {
        return switch (self) {
            .circle => |r| std.math.pi * r * r,
            .box => |b| b[0] * b[1],
        };
    }
};

fn collatz(start: u64) error{TooLong}!u32 {
    var n = start;
    var steps: u32 = 0;
    while (n != 1) : (steps += 1) {
        if (steps > 300) return error.TooLong;
        n = if (n % 2 == 0) n / 2 else 3 * n + 1;
    }
    return steps;
}

var buffer: [4096]u8 = undefined;
var used: usize = 0;

fn say(comptime format: []const u8, args: anytype) void {
    const text = std.fmt.bufPrint(buffer[used..], format, args) catch unreachable;
    used += text.len;
}

pub fn main() void {
    var longest: u32 = 0;
    var failures: u32 = 0;
    for (1..20000) |i| {
        const steps = collatz(i) catch {
            failures += 1;
            continue;
        };
        longest = @max(longest, steps);
    }
    say("collatz {d} {d}\n", .{ longest, failures });

    const shapes = [_]Shape{ .{ .circle = 2 }, .{ .box = .{ 3, 4.5 } } };
    var total: f64 = 0;
    for (shapes) |s| total += s.area();
    say("area {d:.6}\n", .{total});

    var map = std.AutoHashMap(u32, u64).init(std.heap.page_allocator);
    for (0..5000) |i| map.put(@intCast(i *% 2654435761 % 100003), i) catch unreachable;
    var sum: u64 = 0;
    for (0..100003) |k| sum += map.get(@intCast(k)) orelse 0;
    say("map {d} {d}\n", .{ map.count(), sum });

    var big: u128 = 1;
    for (1..34) |i| big *= i;
    say("33! = {d}, sha {x}\n", .{ big, std.hash.Crc32.hash("rille") });

    var x: u32 = 0xdeadbeef;
    for (0..1000) |_| x = std.math.rotl(u32, x, 7) ^ @bitReverse(x) +% @popCount(x);
    say("bits {x} {d} {d}\n", .{ x, @clz(x), @ctz(x) });
    output(buffer[0..used]);
    std.process.exit(3);
}

const iovec = extern struct { base: [*]const u8, len: usize };
extern "wasi_snapshot_preview1" fn fd_write(fd: i32, iovs: [*]const iovec, n: usize, written: *usize) u16;

/// Straight to WASI: the standard library's writers change from version to version.
fn output(text: []const u8) void {
    var written: usize = 0;
    _ = fd_write(1, &[1]iovec{.{ .base = text.ptr, .len = text.len }}, 1, &written);
}
