// A server as one writes it for the standard library: the listener is a descriptor, everything else is std::net. Answers
// each line in capitals; "end" ends it.
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::fd::FromRawFd;

fn main() {
    let fd = std::env::var("LISTEN_FDS_START").unwrap().parse().unwrap();
    let listener = unsafe { TcpListener::from_raw_fd(fd) };
    for stream in listener.incoming() {
        let stream = stream.unwrap();
        let mut lines = BufReader::new(&stream);
        let mut line = String::new();
        while lines.read_line(&mut line).unwrap() > 0 {
            if line == "end\n" {
                return;
            }
            (&stream).write_all(line.to_uppercase().as_bytes()).unwrap();
            line.clear();
        }
    }
}
