//! The same as ../crowd.c by the lunatic crate: processes that wait, answer, wait again, and leave.
use lunatic::{Mailbox, Process};
use std::io::{stdin, stdout, Write};

fn member(parent: Process<u64>, mailbox: Mailbox<u64>) {
    loop {
        match mailbox.receive() {
            0 => break,
            n => parent.send(n * 3),
        }
    }
    parent.send(1);
}

fn stage(name: &str) {
    println!("{name}");
    stdout().flush().unwrap();
    let mut line = String::new();
    if stdin().read_line(&mut line).unwrap_or(0) == 0 {
        std::process::exit(0);
    }
}

#[lunatic::main]
fn main(mailbox: Mailbox<u64>) {
    let count: u64 = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(1000);
    let me = mailbox.this();
    stage("empty");
    let crowd: Vec<Process<u64>> = (0..count).map(|_| Process::spawn(me.clone(), member)).collect();
    stage("spawned");
    for (p, n) in crowd.iter().zip(1..) {
        p.send(n);
    }
    let sum: u64 = (0..count).map(|_| mailbox.receive()).sum();
    assert_eq!(sum, 3 * (count * (count + 1) / 2));
    stage("answered");
    for p in &crowd {
        p.send(0);
    }
    (0..count).for_each(|_| assert_eq!(mailbox.receive(), 1));
    stage("gone");
    let _again: Vec<Process<u64>> = (0..count).map(|_| Process::spawn(me.clone(), member)).collect();
    stage("again");
}
