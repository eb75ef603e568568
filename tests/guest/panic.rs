// A panic of Rust is a trap: status 134.
// exit: 134
// | before
fn main() {
    println!("before");
    let v: Vec<i32> = Vec::new();
    println!("{}", v[std::env::args().count()]);
}
