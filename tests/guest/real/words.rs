//! Collections, formatting, threads of iterators, files and errors of Rust's standard library.
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;
use std::io::{self, BufRead, Read, Seek, SeekFrom, Write};

#[derive(Debug, Clone, PartialEq)]
enum Token { Number(f64), Op(char), Open, Close }

#[derive(Debug)]
struct Bad(String);
impl fmt::Display for Bad {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result { write!(f, "bad expression: {}", self.0) }
}
impl std::error::Error for Bad {}

fn tokens(s: &str) -> Result<Vec<Token>, Bad> {
    let (mut out, mut it) = (Vec::new(), s.chars().peekable());
    while let Some(&c) = it.peek() {
        if c.is_ascii_digit() || c == '.' {
            let mut n = String::new();
            while let Some(&d) = it.peek() { if d.is_ascii_digit() || d == '.' { n.push(d); it.next(); } else { break; } }
            out.push(Token::Number(n.parse().map_err(|e| Bad(format!("{n}: {e}")))?));
            continue;
        }
        it.next();
        match c {
            ' ' => {}
            '(' => out.push(Token::Open),
            ')' => out.push(Token::Close),
            '+' | '-' | '*' | '/' => out.push(Token::Op(c)),
            _ => return Err(Bad(format!("unexpected {c:?}"))),
        }
    }
    Ok(out)
}

fn evaluate(t: &mut VecDeque<Token>, level: u8) -> Result<f64, Bad> {
    if level == 2 {
        return match t.pop_front() {
            Some(Token::Number(n)) => Ok(n),
            Some(Token::Open) => { let v = evaluate(t, 0)?; t.pop_front(); Ok(v) }
            other => Err(Bad(format!("{other:?}"))),
        };
    }
    let mut v = evaluate(t, level + 1)?;
    while let Some(Token::Op(c)) = t.front().cloned() {
        if (level == 0) != matches!(c, '+' | '-') { break; }
        t.pop_front();
        let r = evaluate(t, level + 1)?;
        match c { '+' => v += r, '-' => v -= r, '*' => v *= r, _ => v /= r }
    }
    Ok(v)
}

fn files(dir: &str) -> io::Result<()> {
    let path = format!("{dir}/rust.txt");
    let mut f = std::fs::OpenOptions::new().create(true).truncate(true).read(true).write(true).open(&path)?;
    for i in 0..500 { writeln!(f, "{i:04} {:>12.5} {:#x}", (i as f64).sqrt(), i * i)?; }
    f.seek(SeekFrom::Start(200))?;
    let mut part = vec![0; 40];
    f.read_exact(&mut part)?;
    println!("{:?}", String::from_utf8_lossy(&part));
    println!("{} bytes, missing: {:?}", std::fs::metadata(&path)?.len(), std::fs::read("/nowhere").map_err(|e| e.kind()));
    std::fs::create_dir_all(format!("{dir}/a/b"))?;
    std::fs::rename(&path, format!("{dir}/a/b/moved"))?;
    let mut names: Vec<_> = std::fs::read_dir(format!("{dir}/a/b"))?.map(|e| e.unwrap().file_name()).collect();
    names.sort();
    println!("{names:?}");
    std::fs::remove_dir_all(format!("{dir}/a"))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = std::env::args().nth(1).unwrap_or_else(|| ".".into());
    let mut words: HashMap<String, usize> = HashMap::new();
    for line in io::stdin().lock().lines() {
        for w in line?.split_whitespace() { *words.entry(w.to_lowercase()).or_default() += 1; }
    }
    let sorted: BTreeMap<_, _> = words.iter().collect();
    println!("{sorted:?}");
    for e in ["1 + 2 * (3 - 4) / 8", "2 * (3 + 4) * 5 - 6 / 4", "1 / 0", "4 $ 4", "(1"] {
        match tokens(e).and_then(|t| evaluate(&mut t.into(), 0)) {
            Ok(v) => println!("{e} = {v}"),
            Err(x) => println!("{e}: {x}"),
        }
    }
    let mut state = 1u64;
    let mut v: Vec<u64> = (0..50_000).map(|_| { state ^= state << 13; state ^= state >> 7; state ^= state << 17; state }).collect();
    v.sort_unstable();
    let h = v.iter().fold(0xcbf29ce484222325u64, |h, x| (h ^ x).wrapping_mul(0x100000001b3).rotate_left((x & 63) as u32));
    println!("{h:016x} {} {:e} {:?}", v[25_000], v[1] as f32, (i128::MAX, f64::MIN_POSITIVE, u8::MAX.checked_add(1)));
    files(&dir)?;
    std::process::exit(v.iter().filter(|x| **x % 3 == 0).count() as i32 % 100)
}
