//! An HTTP server that answers one method with 500 until 2 s after its first request, then with
//! 200.
//! `mk-slow-http PORT [--method HEAD|GET|POST|KEY] [--warm-ms MS] [--immortal]`
//!
//! KEY is POST of `key=hole`. Any other GET gets 200, anything else 500. `--immortal` prints each
//! signal and goes on.

use std::io;
use std::net::TcpListener;
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use mirakuru_tests::program::http::{self, Answer, Request};
use mirakuru_tests::program::{self, Signals, say};

fn main() -> io::Result<()> {
    let mut args = program::begin();
    let slow = Slow {
        method: args.value("--method").unwrap_or(String::from("HEAD")),
        warm_up: Duration::from_millis(args.value("--warm-ms").unwrap_or(2000)),
        first: OnceLock::new(),
    };
    let immortal = args.flag("--immortal");
    let port: u16 = args.positional("PORT");
    args.end();

    if immortal {
        outlive_signals()
    } else {
        program::exit_on_term(|| ())
    }
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    say(format_args!("listening on {}", listener.local_addr()?))?;
    http::serve(&listener, move |request| slow.answer(request))
}

struct Slow {
    method: String,
    warm_up: Duration,
    first: OnceLock<Instant>,
}

impl Slow {
    fn answer(&self, request: &Request) -> Answer {
        if self.is_slow(request) {
            return self.warm_or_500();
        }
        match request.method.as_str() {
            "GET" => Answer::new(200, "Hi. I am very slow."),
            _ => Answer::code(500),
        }
    }

    fn is_slow(&self, request: &Request) -> bool {
        match self.method.as_str() {
            "KEY" => request.method == "POST" && has_the_key(&request.body),
            method => request.method == method,
        }
    }

    fn warm_or_500(&self) -> Answer {
        let first = *self.first.get_or_init(Instant::now);
        if first.elapsed() < self.warm_up {
            return Answer::code(500);
        }
        if let Err(error) = program::become_ready(None) {
            return Answer::new(500, error.to_string());
        }
        Answer::new(200, "Hi. I am very slow.")
    }
}

fn has_the_key(form: &[u8]) -> bool {
    form.split(|byte| *byte == b'&').any(|pair| pair == b"key=hole")
}

fn outlive_signals() {
    let signals = Signals::catchable().block();
    thread::spawn(move || {
        loop {
            println!("caught {}", signals.wait());
        }
    });
}
