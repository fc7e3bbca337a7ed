//! Starts servers with processkit.

use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use bench_worker::{Condition, Outcome, Peer, Server, answer_requests};
use processkit::{Command, RunningProcess};
use tokio::runtime::{Builder, Runtime};

const LIMIT: Duration = Duration::from_secs(30);

struct Processkit(Runtime);

impl Peer for Processkit {
    type Running = (RunningProcess, String);

    fn start(&self, server: &Server) -> Outcome<Self::Running> {
        self.0.block_on(start(server))
    }

    fn stop(&self, (running, target): Self::Running) -> Outcome {
        self.0.block_on(running.shutdown(LIMIT))?;
        let _ = fs::remove_file(target); // A port has no file.
        Ok(())
    }
}

async fn start(server: &Server) -> Outcome<(RunningProcess, String)> {
    let target = server.target()?;
    let words = server.command(&target);
    let mut running = Command::new(&words[0]).args(&words[1..]).start().await?;
    let address = || -> Outcome<SocketAddr> { Ok(([127, 0, 0, 1], target.parse()?).into()) };
    match server.condition {
        Condition::Tcp => running.wait_for_port(address()?, LIMIT).await?,
        Condition::Http => {
            running.wait_for_http(address()?, "/", |status| status == 200, LIMIT).await?
        }
        Condition::Unix => running.wait_for_socket(&target, LIMIT).await?,
        Condition::PidFile => running.wait_for_path(&target, LIMIT).await?,
        Condition::Banner => {
            running.wait_for_line(|line| line.contains("ready"), LIMIT).await?;
        }
    }
    Ok((running, target))
}

fn main() -> Outcome {
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    answer_requests(&Processkit(runtime), |words| {
        Err(format!("there is no request `{}`", words.join(" ")).into())
    })
}
