//! The loop that one writes by hand: spawn, then look every 10 ms.
//!
//! No other code of the project sleeps to wait: here, the sleep is what is measured.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::direct::expect_ok;
use crate::{Condition, Outcome, Peer, Server};

const STEP: Duration = Duration::from_millis(10);

pub struct ByHand;

impl Peer for ByHand {
    type Running = (Child, String);

    fn start(&self, server: &Server) -> Outcome<Self::Running> {
        let target = server.target()?;
        let words = server.command(&target);
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn()?;
        while !is_ready(server.condition, &target)? {
            if child.try_wait()?.is_some() {
                return Err("the server has ended".into());
            }
            thread::sleep(STEP);
        }
        Ok((child, target))
    }

    fn stop(&self, (mut child, target): Self::Running) -> Outcome {
        kill(Pid::from_raw(child.id() as i32), Signal::SIGTERM)?;
        while child.try_wait()?.is_none() {
            thread::sleep(STEP);
        }
        let _ = fs::remove_file(target); // A port has no file.
        Ok(())
    }
}

fn is_ready(condition: Condition, target: &str) -> Outcome<bool> {
    let address = || -> Outcome<SocketAddr> { Ok(([127, 0, 0, 1], target.parse()?).into()) };
    Ok(match condition {
        Condition::Tcp => TcpStream::connect(address()?).is_ok(),
        Condition::Http => TcpStream::connect(address()?).is_ok_and(|it| expect_ok(it).is_ok()),
        Condition::Unix => UnixStream::connect(target).is_ok(),
        Condition::PidFile => Path::new(target).exists(),
        Condition::Banner => return Err("a loop by hand does not read output".into()),
    })
}
