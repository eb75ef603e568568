//! The least that can be served, and a handler that fails.
use submillisecond::{router, Application};

fn hello() -> &'static str {
    "Hello from a process of its own!"
}

fn fail() -> &'static str {
    panic!("as you wish")
}

fn main() -> std::io::Result<()> {
    Application::new(router! {
        GET "/" => hello
        GET "/fail" => fail
    })
    .serve("127.0.0.1:0")
}
