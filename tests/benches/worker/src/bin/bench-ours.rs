//! Starts servers with this library. `leases COUNT` and `waiters COUNT` time those of one shared server.

use std::process;
use std::sync::Barrier;
use std::thread;
use std::time::Instant;

use bench_worker::processes::parent;
use bench_worker::{Condition, Outcome, Peer, Server, answer_requests};
use mirakuru_core::{Executor, Process, Shared};

static SLEEPER: Shared = Shared::new(|| Executor::new("sleep 600"));

struct Ours;

impl Peer for Ours {
    type Running = Process;

    fn start(&self, server: &Server) -> Outcome<Process> {
        Ok(executor(server).start()?)
    }

    fn stop(&self, mut running: Process) -> Outcome {
        running.stop()?;
        Ok(())
    }

    /// Returns the supervisor and the launcher.
    fn helpers(&self, running: &Process) -> Vec<i32> {
        let above = |pid: &i32| parent(*pid).filter(|pid| *pid != process::id() as i32);
        std::iter::successors(Some(running.pid() as i32), above).skip(1).collect()
    }
}

fn executor(server: &Server) -> Executor {
    const ADDRESS: &str = "127.0.0.1:{port}";
    const PATH: &str = "{dir}/server";
    match server.condition {
        Condition::Tcp => Executor::new(server.command("{port}")).tcp(ADDRESS),
        Condition::Http => {
            Executor::new(server.command("{port}")).http(format!("http://{ADDRESS}/"))
        }
        Condition::Unix => Executor::new(server.command(PATH)).unix_socket(PATH),
        Condition::PidFile => Executor::new(server.command(PATH)).pid_file(PATH),
        Condition::Banner => Executor::new(server.command("-")).output("ready"),
    }
}

fn main() -> Outcome {
    answer_requests(&Ours, |words| match words[..] {
        ["leases", count] => leases(count.parse()?),
        ["waiters", count] => waiters(count.parse()?),
        ["report", bytes] => report(bytes),
        _ => Err(format!("there is no request `{}`", words.join(" ")).into()),
    })
}

/// Times so many leases that are held at the same time.
fn leases(count: usize) -> Outcome<String> {
    let first = SLEEPER.lease()?;
    let began = Instant::now();
    let leases = (0..count).map(|_| SLEEPER.lease()).collect::<Result<Vec<_>, _>>()?;
    let take = micros(began);
    let began = Instant::now();
    drop(leases);
    let drop_all = micros(began);
    drop(first);
    Ok(format!(r#"{{"take": {take}, "drop": {drop_all}}}"#))
}

/// Times so many threads that wait for an exclusive lease, each to the end of its turn.
fn waiters(count: usize) -> Outcome<String> {
    let first = SLEEPER.exclusive()?;
    let queued = Barrier::new(count + 1);
    thread::scope(|scope| {
        let wait = || {
            queued.wait();
            SLEEPER.exclusive().map(drop)
        };
        let threads: Vec<_> = (0..count).map(|_| scope.spawn(wait)).collect();
        queued.wait();
        let began = Instant::now();
        drop(first);
        for thread in threads {
            thread.join().expect("no thread panics")?;
        }
        Ok(format!(r#"{{"all": {}}}"#, micros(began)))
    })
}

/// Times the start and the report of a server that prints so many bytes and exits with code 1.
fn report(bytes: &str) -> Outcome<String> {
    let server = Executor::new(Server::that_fails(bytes).command("-")).output("never printed");
    let began = Instant::now();
    let error = server.start().err().ok_or("the server has not failed")?;
    let length = format!("{error:?}").len();
    Ok(format!(r#"{{"start": {}, "length": {length}}}"#, micros(began) / 1e3))
}

fn micros(began: Instant) -> f64 {
    began.elapsed().as_secs_f64() * 1e6
}
