// Rust's standard library: collections, formatting, time, threads refused, panics caught by nobody.
// args: one two
// | ["one", "two"]
// | {"a": 1, "b": 2, "c": 3}
// | sum 5000050000
// | 0.1 + 0.2 = 0.30000000000000004
// | time moves: true
// | threads: false
use std::collections::BTreeMap;
use std::time::Instant;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    println!("{:?}", args);
    let map: BTreeMap<&str, i32> = [("c", 3), ("a", 1), ("b", 2)].into_iter().collect();
    println!("{:?}", map);
    println!("sum {}", (1..=100_000u64).sum::<u64>());
    println!("0.1 + 0.2 = {}", 0.1f64 + 0.2);
    let start = Instant::now();
    let mut turns = 0u64;
    while start.elapsed().as_nanos() == 0 {
        turns += 1;
    }
    println!("time moves: {}", turns < u64::MAX);
    println!("threads: {}", std::thread::Builder::new().spawn(|| 1).is_ok());
}
