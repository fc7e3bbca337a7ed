//! An HTTP server on databases, which are HTTP servers too: `mk-app NAME PORT DATABASE_URL…`
//!
//! It needs its databases to start, and asks them once more when it has to end. It appends to the file in
//! `EVENTS` whether all of them answered then.

use std::io;
use std::net::TcpListener;
use std::process;

use mirakuru_tests::program::http::{self, Answer};
use mirakuru_tests::program::{self, fail, note};
use mirakuru_tests::try_http_get;

fn main() -> io::Result<()> {
    let mut args = program::begin();
    let name: String = args.positional("NAME");
    let port: u16 = args.positional("PORT");
    let databases = args.rest();

    if !answer(&databases) {
        fail("a database does not answer");
    }
    let asked = databases.clone();
    program::exit_on_term(move || {
        let heard = if answer(&asked) { "was heard" } else { "was not heard" };
        note(&format!("{name} {heard}"));
    });
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    http::serve(&listener, move |request| match request.path() {
        "/pid" => Answer::new(200, process::id().to_string()),
        "/databases" => Answer::new(200, databases.join(" ")),
        _ => Answer::new(200, "ok"),
    })
}

fn answer(databases: &[String]) -> bool {
    databases.iter().all(|url| try_http_get(url).is_ok_and(|(code, _)| code == 200))
}
