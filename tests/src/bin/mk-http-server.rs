//! A small HTTP server: the path of a request determines the answer (see `answer`).
//! `mk-http-server PORT [--delay MS] [--host H] [--no-head CODE]`

use std::env;
use std::io;
use std::net::TcpListener;
use std::process;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use mirakuru_tests::program::http::{self, Answer, Request};
use mirakuru_tests::program::{self, say, sleep_forever};

fn main() -> io::Result<()> {
    let mut args = program::begin();
    let delay = args.value("--delay");
    let host = args.value("--host").unwrap_or(String::from("127.0.0.1"));
    let no_head = args.value("--no-head");
    let port: u16 = args.positional("PORT");
    args.end();

    program::exit_on_term(|| println!("bye"));
    program::become_ready(delay)?;
    let listener = TcpListener::bind((host.as_str(), port))?;
    say(format_args!("listening on {}", listener.local_addr()?))?;

    let served = AtomicUsize::new(0);
    let started = Instant::now();
    http::serve(&listener, move |request| {
        let before = served.fetch_add(1, Ordering::Relaxed);
        match no_head {
            Some(code) if request.method == "HEAD" => Answer::code(code),
            _ => answer(request, before, started),
        }
    })
}

fn answer(request: &Request, served: usize, started: Instant) -> Answer {
    let words: Vec<&str> = request.path().trim_start_matches('/').splitn(2, '/').collect();
    match words[..] {
        [""] => Answer::new(200, "ok"),
        ["status", code] => Answer::code(code.parse().unwrap_or(404)),
        ["count"] => Answer::new(200, served.to_string()),
        ["env", name] => variable(name),
        ["cwd"] => working_directory(),
        ["echo"] if request.method == "POST" => Answer::new(200, request.body.as_slice()),
        ["echo"] => Answer::code(405),
        ["host", wanted] => Answer::code(if is_for(request, wanted) { 200 } else { 404 }),
        ["headers"] => Answer::new(200, request.headers.as_str()),
        ["pid"] => Answer::new(200, process::id().to_string()),
        ["crash"] => process::exit(3),
        ["hang"] => sleep_forever(),
        ["close"] => Answer::nothing(),
        ["busy"] => Answer::new(503, "\n  warming up \nsecond line\n"),
        ["warm"] => warm(request, started),
        _ => Answer::code(404),
    }
}

fn is_for(request: &Request, host: &str) -> bool {
    let mut headers = request.headers.lines().filter_map(|line| line.split_once(':'));
    headers.any(|(name, value)| name.eq_ignore_ascii_case("host") && value.trim() == host)
}

fn variable(name: &str) -> Answer {
    match env::var(name) {
        Ok(value) => Answer::new(200, value),
        Err(_) => Answer::code(404),
    }
}

fn working_directory() -> Answer {
    match env::current_dir() {
        Ok(dir) => Answer::new(200, dir.to_string_lossy().as_bytes()),
        Err(err) => Answer::new(500, err.to_string()),
    }
}

/// Answers 503 until `ms` milliseconds after the start, then 200.
fn warm(request: &Request, started: Instant) -> Answer {
    let ms = request.query("ms").and_then(|ms| ms.parse().ok()).unwrap_or(0);
    Answer::code(if started.elapsed() < Duration::from_millis(ms) { 503 } else { 200 })
}
