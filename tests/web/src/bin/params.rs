//! What comes with a request: parts of the path, a query, JSON, the body as it is; middleware, a guard, a catch-all.
//! (`Path` is not among it: in 0.4 it looks for the parts where nobody puts them, and panics.)
use serde::{Deserialize, Serialize};
use submillisecond::extract::Query;
use submillisecond::http::{header, StatusCode};
use submillisecond::params::Params;
use submillisecond::response::Response;
use submillisecond::{router, Application, Guard, Json, NamedParam, RequestContext};

#[derive(NamedParam)]
struct Guest {
    first: String,
    last: String,
}

#[derive(NamedParam)]
struct Sum {
    a: u64,
    b: u64,
}

#[derive(Deserialize, Serialize)]
struct Order {
    what: String,
    count: u32,
}

struct FromHere;
impl Guard for FromHere {
    fn check(&self, request: &RequestContext) -> bool {
        request.headers().get("x-from").is_some_and(|v| v == "here")
    }
}

fn greet(Guest { first, last }: Guest) -> String {
    format!("Hello {first} {last}")
}

fn add(Sum { a, b }: Sum) -> String {
    (a + b).to_string()
}

fn name(params: Params) -> String {
    params.get("name").unwrap_or("nobody").to_string()
}

fn price(Query(order): Query<Order>) -> String {
    format!("{} {}: {}", order.count, order.what, order.count * 3)
}

fn double(Json(order): Json<Order>) -> Json<Order> {
    Json(Order { count: 2 * order.count, ..order })
}

fn length(body: Vec<u8>) -> String {
    format!("{} {}", body.len(), body.iter().map(|b| u64::from(*b)).sum::<u64>())
}

fn marked(request: RequestContext) -> Response {
    let mut response = request.next_handler();
    response.headers_mut().insert(header::SERVER, "web".parse().unwrap());
    response
}

fn lost() -> (StatusCode, &'static str) {
    (StatusCode::NOT_FOUND, "not here")
}

fn main() -> std::io::Result<()> {
    Application::new(router! {
        with marked;

        GET "/guests/:first/:last" => greet
        "/sums" => {
            GET "/:a/:b" => add
        }
        GET "/names/:name" => name
        GET "/price" => price
        POST "/double" => double
        POST "/length" => length
        GET "/secret" if FromHere => name
        _ => lost
    })
    .serve("127.0.0.1:0")
}
