//! bench.c once more, as a program of the lunatic crate would be written.
use lunatic::{spawn, Mailbox, Process, Tag};
use std::time::{Duration, Instant};

type Word = Process<i64>;

/// What a benchmark measured; it may leave out its preparations.
struct Clock(Instant, Option<f64>);

impl Clock {
    fn start(&mut self) {
        self.0 = Instant::now();
    }
    fn stop(&mut self) {
        self.1.get_or_insert(self.0.elapsed().as_nanos() as f64);
    }
}

fn one(parent: Word, _: Mailbox<()>) {
    parent.send(1);
}

fn echo(parent: Word, mailbox: Mailbox<i64>) {
    while mailbox.receive() != 0 {
        parent.send(1);
    }
}

fn bench_spawn(this: &Word, mailbox: &Mailbox<i64>, n: i64) {
    for _ in 0..n {
        Process::spawn(this.clone(), one);
        mailbox.receive();
    }
}

fn bench_wave(this: &Word, mailbox: &Mailbox<i64>, n: i64, members: i64) {
    for _ in 0..n / members {
        for _ in 0..members {
            Process::spawn(this.clone(), one);
        }
        for _ in 0..members {
            mailbox.receive();
        }
    }
}

fn bench_ping(this: &Word, mailbox: &Mailbox<i64>, n: i64) {
    let peer = Process::spawn(this.clone(), echo);
    for _ in 0..n {
        peer.send(1);
        mailbox.receive();
    }
    peer.send(0);
}

fn poll(mailbox: &Mailbox<i64>) -> i64 {
    loop {
        if let Ok(word) = mailbox.receive_timeout(Duration::ZERO) {
            return word;
        }
    }
}

fn poller(parent: Word, mailbox: Mailbox<i64>) {
    while poll(&mailbox) != 0 {
        parent.send(1);
    }
}

fn bench_cross(this: &Word, mailbox: &Mailbox<i64>, clock: &mut Clock, n: i64) {
    let peer = Process::spawn(this.clone(), poller);
    for i in -n / 10..n {
        if i == 0 {
            clock.start();
        }
        peer.send(1);
        poll(mailbox);
    }
    peer.send(0);
}

fn player((parent, n): (Word, i64), mailbox: Mailbox<i64>) {
    bench_ping(&mailbox.this(), &mailbox, n);
    parent.send(1);
}

fn bench_pairs(this: &Word, mailbox: &Mailbox<i64>, n: i64, members: i64) {
    for _ in 0..members {
        Process::spawn((this.clone(), n / members), player);
    }
    for _ in 0..members {
        mailbox.receive();
    }
}

fn member(next: Word, mailbox: Mailbox<i64>) {
    loop {
        next.send(mailbox.receive() - 1); // the members outlive the measurement
    }
}

fn bench_ring(this: &Word, mailbox: &Mailbox<i64>, clock: &mut Clock, n: i64, members: i64) {
    let mut next = this.clone();
    for _ in 1..members {
        next = Process::spawn(next, member);
    }
    let round = |hops: i64, until: i64| {
        next.send(hops);
        loop {
            let v = mailbox.receive();
            if v <= until {
                break;
            }
            next.send(v - 1);
        }
    };
    round(members, members);
    clock.start();
    round(n, 0);
    clock.stop();
}

fn source((parent, n): (Word, i64), _: Mailbox<()>) {
    for _ in 0..n {
        parent.send(1);
    }
}

fn bench_fan(this: &Word, mailbox: &Mailbox<i64>, n: i64, members: i64) {
    for _ in 0..members {
        Process::spawn((this.clone(), n / members), source);
    }
    for _ in 0..n / members * members {
        mailbox.receive();
    }
}

fn bench_unread(this: &Word, mailbox: &Mailbox<i64>, n: i64) {
    for i in 0..n {
        this.send(i);
    }
    for i in 0..n {
        assert_eq!(mailbox.receive(), i);
    }
}

fn answerer((parent, tag): (Word, Tag), mailbox: Mailbox<i64>) {
    loop {
        parent.tag_send(tag, mailbox.receive());
    }
}

fn bench_selective(this: &Word, mailbox: &Mailbox<i64>, clock: &mut Clock, n: i64, members: i64) {
    let tag = Tag::new();
    let peer = Process::spawn((this.clone(), tag), answerer);
    for _ in 0..members {
        this.send(1);
    }
    let _ = mailbox.tag_receive_timeout(&[tag], Duration::ZERO);
    clock.start();
    for _ in 0..n {
        peer.send(1);
        mailbox.tag_receive(&[tag]);
    }
}

fn bench_cancel(this: &Word, n: i64) {
    for _ in 0..n {
        this.send_after(1, Duration::from_secs(3600)).cancel();
    }
}

fn bench_fire(this: &Word, mailbox: &Mailbox<i64>, n: i64) {
    for _ in 0..n {
        this.send_after(1, Duration::from_millis(1));
    }
    for _ in 0..n {
        mailbox.receive();
    }
}

fn sky((parent, number, size): (Word, i64, i64), mailbox: Mailbox<i64>) {
    if size == 1 {
        return parent.send(number);
    }
    let this = mailbox.this();
    for i in 0..10 {
        Process::spawn((this.clone(), number + i * (size / 10), size / 10), sky);
    }
    parent.send((0..10).map(|_| mailbox.receive()).sum());
}

fn bench_skynet(this: &Word, mailbox: &Mailbox<i64>, n: i64) {
    Process::spawn((this.clone(), 0, n), sky);
    assert_eq!(mailbox.receive(), n * (n - 1) / 2);
}

fn idler(parent: Word, mailbox: Mailbox<i64>) {
    parent.send(1);
    mailbox.receive();
}

fn bench_idle(this: &Word, mailbox: &Mailbox<i64>, n: i64, members: i64) {
    for _ in 0..members {
        Process::spawn(this.clone(), idler);
        mailbox.receive();
    }
    println!("ready");
    lunatic::sleep(Duration::from_millis(n as u64));
}

fn bench_spin(this: &Word, mailbox: &Mailbox<i64>, clock: &mut Clock, n: i64, members: i64) {
    let peer = Process::spawn(this.clone(), echo);
    for _ in 0..members {
        spawn!(|| loop {
            std::hint::black_box(0);
        });
    }
    clock.start();
    for _ in 0..n {
        lunatic::sleep(Duration::from_millis(1));
        peer.send(1);
        mailbox.receive();
    }
    clock.stop();
    clock.1 = clock.1.map(|ns| ns - n as f64 * 1e6);
}

#[lunatic::main]
fn main(mailbox: Mailbox<i64>) {
    let args: Vec<String> = std::env::args().collect();
    let number = |i: usize, default| args.get(i).map_or(default, |a| a.parse().unwrap());
    let (n, members) = (number(2, 100_000), number(3, 1000));
    let (this, m) = (mailbox.this(), &mailbox);
    let name = args.get(1).map_or("", |a| a);
    let c = &mut Clock(Instant::now(), None);
    match name {
        "spawn" => bench_spawn(&this, m, n),
        "wave" => bench_wave(&this, m, n, members),
        "ping" => bench_ping(&this, m, n),
        "cross" => bench_cross(&this, m, c, n),
        "pairs" => bench_pairs(&this, m, n, members),
        "ring" => bench_ring(&this, m, c, n, members),
        "fan" => bench_fan(&this, m, n, members),
        "unread" => bench_unread(&this, m, n),
        "selective" => bench_selective(&this, m, c, n, members),
        "cancel" => bench_cancel(&this, n),
        "fire" => bench_fire(&this, m, n),
        "skynet" => bench_skynet(&this, m, n),
        "idle" => bench_idle(&this, m, n, members),
        "spin" => bench_spin(&this, m, c, n, members),
        _ => panic!("usage: bench NAME COUNT [MEMBERS]"),
    }
    c.stop();
    println!("{name}: {:.1} ns", c.1.unwrap() / n as f64);
}
