//! A web server with a process for every request: the process of a connection reads it, one of its own answers. When that
//! one panics the client gets a 500, and everything else goes on.
//!
//!   cargo build --release --target wasm32-wasip1
//!   rille target/wasm32-wasip1/release/http.wasm [ADDRESS:PORT]        then: curl localhost:8080/hello, /panic
use lunatic::net::{TcpListener, TcpStream};
use lunatic::{Mailbox, MessageSignal, Process};
use std::io::{BufRead, BufReader, Write};
use std::time::Duration;

fn route(path: &str) -> (&'static str, String) {
    match path {
        "/hello" => ("200 OK", "Hello from a process of its own.\n".to_string()),
        "/panic" => panic!("as you wish"),
        _ => ("404 Not Found", format!("{path} is not here.\n")),
    }
}

fn answer(mut stream: TcpStream, status: &str, body: &str) {
    let text = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let _ = stream.write_all(text.as_bytes());
}

/// One request: tells the connection's process when it is answered.
fn request((path, stream, connection): (String, TcpStream, Process<()>), _: Mailbox<()>) {
    let (status, body) = route(&path);
    answer(stream, status, &body);
    connection.send(());
}

fn connection(mut stream: TcpStream, mailbox: Mailbox<()>) {
    let this = mailbox.this();
    let mailbox = mailbox.catch_link_failure();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut path = String::new();
    for line in BufReader::new(stream.clone()).lines() {
        match line {
            Ok(line) if line.starts_with("GET ") => path = line.split(' ').nth(1).unwrap_or("/").to_string(),
            Ok(line) if line.is_empty() => {
                Process::spawn_link((path.clone(), stream.clone(), this.clone()), request);
                if let MessageSignal::Signal(_) = mailbox.receive() {
                    answer(stream.clone(), "500 Internal Server Error", "That went wrong.\n");
                }
            }
            Ok(_) => {} // other headers
            Err(_) => return,
        }
    }
}

#[lunatic::main]
fn main(_: Mailbox<()>) {
    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:8080".to_string());
    let listener = TcpListener::bind(address).unwrap();
    println!("listening on port {}", listener.local_addr().unwrap().port());
    while let Ok((stream, _)) = listener.accept() {
        Process::spawn(stream, connection);
    }
}
