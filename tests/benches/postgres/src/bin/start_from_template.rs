//! Starts a server from its template, and by hand: a copy of the same directory, and the same command.
//!
//! By hand means `cp -a --reflink=auto`, then the program as a child, until it prints that it is ready. That
//! is the least that any start from a template has to do. Both are measured in turns, several times.
//! `start_from_template postgres|mariadb [ROUNDS]`

use std::env;
use std::error::Error;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use mirakuru_core::{Executor, servers};

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// A server, and its preset in words.
struct Server {
    preset: fn() -> Executor,
    user: &'static str,
    command: &'static str,
    ready: &'static str,
    stop: &'static str,
}

const POSTGRES: Server = Server {
    preset: servers::postgres,
    user: "postgres",
    command: "postgres -D {dir}/data -h 127.0.0.1 -p {port} -k {dir} -F -c synchronous_commit=off \
              -c full_page_writes=off -c dynamic_shared_memory_type=mmap",
    ready: "database system is ready to accept connections",
    stop: "-INT",
};

const MARIADB: Server = Server {
    preset: servers::mariadb,
    user: "mysql",
    command: "mariadbd --no-defaults --datadir={dir}/data --socket={dir}/mariadb.sock --tmpdir={dir} \
              --pid-file={dir}/mariadb.pid --port={port} --bind-address=127.0.0.1 \
              --innodb-log-file-size=10M --innodb-flush-method=nosync --innodb-doublewrite=OFF \
              --innodb-flush-log-at-trx-commit=0",
    ready: "ready for connections",
    stop: "-TERM",
};

fn main() -> Outcome {
    let mut args = env::args().skip(1);
    let server = match args.next().as_deref() {
        Some("postgres") => POSTGRES,
        Some("mariadb") => MARIADB,
        _ => return Err("give `postgres` or `mariadb`, and the number of rounds".into()),
    };
    let rounds = args.next().map_or(Ok(31), |rounds| rounds.parse())?;
    let work = env::temp_dir().join(format!("start-from-template-{}", std::process::id()));
    fs::create_dir(&work)?;
    let measured = measure(&server, &work, rounds);
    fs::remove_dir_all(&work)?;
    let (mut here, mut copy, mut start) = measured?;
    let mut both: Vec<_> = copy.iter().zip(&start).map(|(copy, start)| *copy + *start).collect();
    let (here, by_hand) = (median(&mut here), median(&mut both));
    let (copy, start) = (median(&mut copy), median(&mut start));
    let ratio = here.as_secs_f64() / by_hand.as_secs_f64();
    println!(
        "{}: {} ms from the template; by hand {} ms: {} ms the copy, {} ms the start; ratio {ratio:.2}",
        server.user,
        millis(here),
        millis(by_hand),
        millis(copy),
        millis(start)
    );
    Ok(())
}

type Times = (Vec<Duration>, Vec<Duration>, Vec<Duration>);

fn measure(server: &Server, work: &Path, rounds: usize) -> Outcome<Times> {
    let template = work.join("template");
    keep_template(server, &template)?;
    let mut times = Times::default();
    for round in 0..2 * rounds {
        // Each comes as often right after itself as after the other: removing a thousand files has an effect
        // on those that are created next.
        if [0, 3].contains(&(round % 4)) {
            let began = Instant::now();
            let process = (server.preset)().start()?;
            times.0.push(began.elapsed());
            drop(process);
        } else {
            let (copy, start) = by_hand(server, &template, &work.join("by-hand"))?;
            times.1.push(copy);
            times.2.push(start);
        }
    }
    Ok(times)
}

/// Makes the template of the preset, and a copy of its data.
fn keep_template(server: &Server, template: &Path) -> Outcome {
    fs::create_dir(template)?;
    fs::set_permissions(template, fs::Permissions::from_mode(0o777))?;
    let copy = ["cp", "-a", "{dir}/data", &template.to_string_lossy()];
    drop((server.preset)().before_start(copy).start()?);
    Ok(())
}

/// Returns how long a copy of the template takes, and how long the start of a server in it.
fn by_hand(server: &Server, template: &Path, dir: &Path) -> Outcome<(Duration, Duration)> {
    fs::create_dir(dir)?;
    let owner = template.join("data").metadata()?;
    if owner.uid() != fs::metadata("/proc/self")?.uid() {
        chown(dir, Some(owner.uid()), Some(owner.gid()))?;
    }
    let began = Instant::now();
    let from = template.join(".");
    let copied = Command::new("cp").args(["-a", "--reflink=auto"]).arg(from).arg(dir).status()?;
    let copy = began.elapsed();
    if !copied.success() {
        return Err("the copy failed".into());
    }
    let began = Instant::now();
    let mut child = spawn(server, dir, owner.uid(), owner.gid())?;
    let lines = BufReader::new(child.stderr.take().ok_or("it has no output")?).lines();
    let is_ready = lines.map_while(Result::ok).any(|line| line.contains(server.ready));
    let start = began.elapsed();
    Command::new("kill").args([server.stop, &child.id().to_string()]).status()?;
    child.wait()?;
    fs::remove_dir_all(dir)?;
    if is_ready { Ok((copy, start)) } else { Err("it has ended".into()) }
}

/// Spawns the server as the owner of its files.
fn spawn(server: &Server, dir: &Path, user: u32, group: u32) -> Outcome<Child> {
    let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port().to_string();
    let line = server.command.replace("{dir}", &dir.to_string_lossy()).replace("{port}", &port);
    let mut words = line.split_whitespace();
    let mut command = Command::new(words.next().ok_or("the command is empty")?);
    command.args(words).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    if user != fs::metadata("/proc/self")?.uid() {
        command.uid(user).gid(group);
    }
    Ok(command.spawn()?)
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn millis(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64() * 1000.0)
}
