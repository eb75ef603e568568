//! State that requests share: a process keeps it.
use serde::{Deserialize, Serialize};
use submillisecond::state::State;
use submillisecond::{router, Application};

#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
struct Count(u64);

fn increment(mut count: State<Count>) -> String {
    let next = count.0 + 1;
    count.set(Count(next));
    next.to_string()
}

fn value(count: State<Count>) -> String {
    count.0.to_string()
}

fn main() -> std::io::Result<()> {
    State::init(Count(0));
    Application::new(router! {
        GET "/" => value
        POST "/" => increment
    })
    .serve("127.0.0.1:0")
}
