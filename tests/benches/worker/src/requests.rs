//! The requests of `run`, a line each, and the answers, a line of JSON each.

use std::io::{BufRead, Write, stdin, stdout};
use std::thread;

use crate::clock::{self, millis};
use crate::processes::private_dirty;
use crate::server::{Condition, Server, wait_until_stamped};
use crate::{Outcome, Peer};

/// Answers requests until the standard input ends.
///
/// - `one CONDITION CONTROL`: starts and stops a server.
/// - `log BYTES CONTROL`: the same for a server that prints so many bytes before it listens.
/// - `many COUNT sequence|parallel`: starts so many servers, which are ready at once, and stops them.
/// - `memory`: what the processes beside this one have, while there is one server.
///
/// `other` answers requests that only some peers know.
pub fn answer_requests<P: Peer>(peer: &P, other: impl Fn(&[&str]) -> Outcome<String>) -> Outcome {
    for line in stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split_whitespace().collect();
        let answer = match words[..] {
            ["one", condition, control] => {
                one(peer, &Server::new(Condition::from_name(condition)?, control))?
            }
            ["log", bytes, control] => one(peer, &Server::with_log(bytes, control))?,
            ["many", count, how] => many(peer, count.parse()?, how == "parallel")?,
            ["memory"] => memory(peer)?,
            _ => other(&words)?,
        };
        println!("{answer}");
        stdout().flush()?;
    }
    Ok(())
}

fn one<P: Peer>(peer: &P, server: &Server) -> Outcome<String> {
    let helpers = crate::processes::children(std::process::id() as i32);
    let cpu_before = clock::own_cpu() + helpers.iter().map(|pid| clock::cpu(*pid)).sum::<u64>();
    let began = clock::monotonic();
    let running = start(peer, server)?;
    let ended = clock::monotonic();
    let helpers = peer.helpers(&running);
    let cpu = clock::own_cpu() + helpers.iter().map(|pid| clock::cpu(*pid)).sum::<u64>();
    let stamp = wait_until_stamped(&server.control)?;
    let lag = stamp.map_or(0.0, |stamp| (ended as f64 - stamp as f64) / 1e6);
    let (start, cpu) = (millis(ended - began), millis(cpu - cpu_before));
    let began = clock::monotonic();
    peer.stop(running)?;
    let stop = millis(clock::monotonic() - began);
    Ok(format!(r#"{{"start": {start}, "lag": {lag}, "stop": {stop}, "cpu": {cpu}}}"#))
}

/// Starts a server, again if it fails: between the choice of a port and `bind`, another process may take it.
fn start<P: Peer>(peer: &P, server: &Server) -> Outcome<P::Running> {
    peer.start(server).or_else(|_| peer.start(server))
}

fn many<P: Peer>(peer: &P, count: usize, parallel: bool) -> Outcome<String> {
    let server = Server::new(Condition::Tcp, "-");
    let began = clock::monotonic();
    let running = each((0..count).collect(), parallel, |_| start(peer, &server))?;
    let start = millis(clock::monotonic() - began);
    let began = clock::monotonic();
    each(running, parallel, |running| peer.stop(running))?;
    let stop = millis(clock::monotonic() - began);
    Ok(format!(r#"{{"start": {start}, "stop": {stop}}}"#))
}

/// Does the same with each, one after the other, or each on a thread of its own.
fn each<T: Send, R: Send>(
    all: Vec<T>,
    parallel: bool,
    act: impl Fn(T) -> Outcome<R> + Sync,
) -> Outcome<Vec<R>> {
    if !parallel {
        return all.into_iter().map(act).collect();
    }
    let act = &act;
    thread::scope(|scope| {
        let threads: Vec<_> = all.into_iter().map(|it| scope.spawn(move || act(it))).collect();
        threads.into_iter().map(|it| it.join().expect("no thread panics")).collect()
    })
}

fn memory<P: Peer>(peer: &P) -> Outcome<String> {
    let running = start(peer, &Server::new(Condition::Tcp, "-"))?;
    let helpers: Vec<_> = peer.helpers(&running).into_iter().map(private_dirty).collect();
    peer.stop(running)?;
    Ok(format!(r#"{{"helpers": {helpers:?}}}"#))
}
