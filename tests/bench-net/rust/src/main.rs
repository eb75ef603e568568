//! A process per connection: `server echo|http`. Prints its port. Runs on rille and on lunatic.
use lunatic::{net, Mailbox, Process};
use std::io::{Read, Write};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, World!";

fn echo(mut stream: net::TcpStream, _: Mailbox<()>) {
    let mut b = [0; 16384];
    while let Ok(n) = stream.read(&mut b) {
        if n == 0 || stream.write_all(&b[..n]).is_err() {
            return;
        }
    }
}

fn http(mut stream: net::TcpStream, _: Mailbox<()>) {
    let mut b = [0; 16384];
    while let Ok(n) = stream.read(&mut b) {
        if n == 0 || !b[..n].ends_with(b"\r\n\r\n") || stream.write_all(ANSWER).is_err() {
            return;
        }
    }
}

#[lunatic::main]
fn main(_: Mailbox<()>) {
    let serve = if std::env::args().any(|a| a == "http") { http } else { echo };
    let listener = net::TcpListener::bind("127.0.0.1:0").unwrap();
    println!("port {}", listener.local_addr().unwrap().port());
    while let Ok((stream, _)) = listener.accept() {
        Process::spawn(stream, serve);
    }
}
