//! Files that were there when this was compiled.
use submillisecond::http::StatusCode;
use submillisecond::{static_router, Application};

fn missing() -> (StatusCode, &'static str) {
    (StatusCode::NOT_FOUND, "no such file")
}

fn main() -> std::io::Result<()> {
    Application::new(|| static_router!("./static", missing)).serve("127.0.0.1:0")
}
