//! Processes that are killed at a system call. All that others can see of a start, a lease or a stop
//! happens at one, so the state after each is one in which the others are left alone.

use std::fmt;
use std::fs::{self, File};
use std::panic;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use mirakuru_tests::test_process::{self, TestProcess};
use mirakuru_tests::{Random, eventually, seed};
use nix::sys::signal::Signal;
use nix::unistd::Pid;

use crate::roles::WITHOUT_SERVER;
use crate::run::{LONG, Run, all_passed, session_directories};
use crate::tracer::{Step, Traced, Tracer};
use crate::watchdog::{Watchdog, members};

const THREADS: u64 = 4;

/// The environment variable with the number of kills.
const KILLS: &str = "MIRAKURU_STRESS_KILLS";

/// The environment variable with the one victim and its stop, such as `Starter 120`, to repeat a kill.
const KILL: &str = "MIRAKURU_STRESS_KILL";

/// The process that is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Victim {
    /// A test process that starts the shared server and uses it.
    Starter,
    /// A test process that uses the server while another one does.
    Leaseholder,
    /// A test process that has the server alone, stops it and starts it again.
    ExclusiveLeaseholder,
    /// The process that forks the supervisor of the shared server, which a test process starts and uses.
    Launcher,
    /// The supervisor of a server that belongs to one test process.
    Supervisor,
    /// The supervisor of a server that two test processes use, one after the other, from its first
    /// system call to the end of its session.
    SessionSupervisor,
    /// The runner, while a test process starts the shared server and uses it.
    Runner,
}

const VICTIMS: [Victim; 7] = [
    Victim::Starter,
    Victim::Leaseholder,
    Victim::ExclusiveLeaseholder,
    Victim::Launcher,
    Victim::Supervisor,
    Victim::SessionSupervisor,
    Victim::Runner,
];

impl Victim {
    /// What the traced test process does.
    fn role(self) -> &'static str {
        match self {
            Self::ExclusiveLeaseholder => "works on the branched one",
            Self::Supervisor => "works on its own",
            _ => "uses the branched one",
        }
    }

    /// Returns true if a stop of this process is one of the victim's, or is where the victim is killed.
    fn counts(self, which: Traced) -> bool {
        match self {
            Self::Starter | Self::Leaseholder | Self::ExclusiveLeaseholder => which == Traced::Test,
            Self::Launcher => which == Traced::Launcher,
            Self::Supervisor | Self::SessionSupervisor => which == Traced::Supervisor,
            Self::Runner => true,
        }
    }

    /// Returns true if no process of the session may be left that could remove all that is left of it.
    /// A server that its exclusive leaseholder had stopped has no supervisor afterwards.
    fn leaves_the_rest_to_the_next_session(self) -> bool {
        matches!(self, Self::ExclusiveLeaseholder | Self::SessionSupervisor | Self::Runner)
    }
}

/// A victim, and the stop at which it is killed.
#[derive(Clone, Copy, Debug)]
struct Kill {
    victim: Victim,
    at: u64,
}

impl Kill {
    /// Returns true if another test process waits for the server while the victim is killed.
    fn is_crowded(self) -> bool {
        self.at % 2 == 0
    }
}

impl fmt::Display for Kill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}", self.victim, self.at)
    }
}

#[test]
fn a_process_killed_at_any_system_call_leaves_nothing_and_blocks_no_others() {
    let (seed, count) = (seed(), count());
    let lives = VICTIMS.map(life_of);
    let (next, tally) = (AtomicU64::new(0), Mutex::new(Tally::default()));
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        return;
                    }
                    let kill = repeated().unwrap_or_else(|| kill_number(number, seed, &lives));
                    let outcome = panic::catch_unwind(|| play(kill));
                    let life = lives[kill.victim as usize];
                    tally.lock().unwrap().add(kill, life, outcome.ok());
                }
            });
        }
    });
    let tally = tally.into_inner().unwrap();
    println!("{}", tally.table(&lives));
    assert!(tally.failed.is_empty(), "failed, each to be repeated by {KILL}: {:?}", tally.failed);
    assert!(tally.tenths.iter().flatten().sum::<u64>() > 0, "no process was killed");
}

fn count() -> u64 {
    std::env::var(KILLS).map_or(18, |count| count.parse().expect("a number of kills"))
}

/// Returns the number of a victim's stops in a life without a kill.
fn life_of(victim: Victim) -> u64 {
    let outcome = play(Kill { victim, at: u64::MAX });
    // Each test process that has the server alone restarts it, and shares it otherwise.
    let starts = match victim {
        Victim::Runner => 1,
        Victim::Starter | Victim::Leaseholder => 2,
        Victim::Launcher | Victim::SessionSupervisor => 2,
        Victim::ExclusiveLeaseholder => 3,
        Victim::Supervisor => 4,
    };
    assert_eq!(outcome.starts, starts, "{victim:?}");
    outcome.stops
}

fn repeated() -> Option<Kill> {
    let text = std::env::var(KILL).ok()?;
    let (name, at) = text.split_once(' ').expect("a victim, a blank, a number");
    let victim = VICTIMS.into_iter().find(|victim| format!("{victim:?}") == name);
    Some(Kill { victim: victim.expect("a victim"), at: at.parse().expect("a number") })
}

fn kill_number(number: u64, seed: u64, lives: &[u64; VICTIMS.len()]) -> Kill {
    let victim = VICTIMS[number as usize % VICTIMS.len()];
    let mut random = Random::new(seed ^ number);
    random.below(1); // The first number of neighbouring seeds is similar.
    Kill { victim, at: 1 + random.below(lives[victim as usize]) }
}

/// What has become of the kills.
#[derive(Default)]
struct Tally {
    /// The kills of each victim, by the tenth of its life.
    tenths: [[u64; 10]; VICTIMS.len()],
    /// The victims that ended before the stop at which they should have been killed.
    missed: u64,
    failed: Vec<String>,
}

impl Tally {
    fn add(&mut self, kill: Kill, life: u64, outcome: Option<Outcome>) {
        match outcome {
            Some(Outcome { is_killed: true, .. }) => {
                let tenth = (10 * (kill.at - 1) / life).min(9);
                self.tenths[kill.victim as usize][tenth as usize] += 1;
            }
            Some(_) => self.missed += 1,
            None => {
                println!("failed: {kill}");
                self.failed.push(kill.to_string());
            }
        }
    }

    fn table(&self, lives: &[u64]) -> String {
        let mut table = String::new();
        for (victim, tenths) in VICTIMS.iter().zip(&self.tenths) {
            let (kills, life) = (tenths.iter().sum::<u64>(), lives[*victim as usize]);
            let name = format!("{victim:?}");
            table += &format!("{name:20} {kills:5} kills, by tenth of {life} stops: {tenths:?}\n");
        }
        let kills: u64 = self.tenths.iter().flatten().sum();
        let (missed, failed) = (self.missed, self.failed.len());
        table + &format!("{kills} kills, {missed} ended before, {failed} failed")
    }
}

struct Outcome {
    /// The number of the victim's stops.
    stops: u64,
    is_killed: bool,
    /// The number of the server's starts.
    starts: usize,
}

/// Kills the victim at its stop. Another test process that waits meanwhile, or starts afterwards, gets an
/// exclusive lease, in the next session if the runner was killed. Then nothing is left of this one.
fn play(kill: Kill) -> Outcome {
    let run = Run::new();
    let mut watchdog = Watchdog::over(&run.temp);
    let mut run = run; // Dropped before the watchdog, which then waits for all children.
    let keeper = before(&run, kill.victim);
    let mut traced = Play {
        kill,
        run: &mut run,
        keeper,
        is_over: false,
        other: None,
        stops: 0,
        is_killed: false,
    };
    let mut tracer = Tracer::start(&traced.run.test(kill.victim.role()));
    tracer.run(|tracer, step| traced.step(tracer, step));
    let Play { stops, is_killed, .. } = traced;
    if kill.victim.leaves_the_rest_to_the_next_session() {
        let next = Run::new();
        let mut test = next.test("works on the branched one");
        all_passed(&[test.env("TMPDIR", &*run.temp).output().unwrap()]);
        next.abandon();
    }
    run.kill_runner();
    expect_nothing_left(&run.temp);
    watchdog.rest();
    Outcome { stops, is_killed, starts: run.starts() }
}

/// Waits until no process and no directory is left, and says which ones are.
fn expect_nothing_left(temp: &Path) {
    if panic::catch_unwind(|| eventually(LONG, || members(temp).is_empty())).is_err() {
        let status = |pid| fs::read_to_string(format!("/proc/{pid}/status"));
        panic!("left: {:?}", members(temp).into_iter().map(status).collect::<Vec<_>>());
    }
    let are_gone = || eventually(LONG, || session_directories(temp).is_empty());
    let files = |dir: &PathBuf| fs::read_dir(dir).map(Iterator::collect::<Vec<_>>);
    if panic::catch_unwind(are_gone).is_err() {
        let left = session_directories(temp).into_iter().map(|dir| (files(&dir), dir));
        panic!("left: {:?}", left.collect::<Vec<_>>());
    }
}

/// Starts the server that the victim leases. Returns a process that keeps another lease meanwhile.
fn before(run: &Run, victim: Victim) -> Option<TestProcess> {
    if victim == Victim::ExclusiveLeaseholder {
        all_passed(&[run.test("uses the branched one").output().unwrap()]);
    }
    (victim == Victim::Leaseholder).then(|| {
        let mut keeper = TestProcess::start(&mut run.test("keeps the branched one"));
        keeper.number("has pid ");
        keeper
    })
}

/// The part of a run in which processes are traced.
struct Play<'a> {
    kill: Kill,
    run: &'a mut Run,
    /// Keeps a lease until the traced test process has ended.
    keeper: Option<TestProcess>,
    /// The traced test process has ended.
    is_over: bool,
    /// Another test process, which uses the server exclusively.
    other: Option<Other>,
    stops: u64,
    is_killed: bool,
}

#[derive(Clone, Copy)]
enum Other {
    /// With true if it was started after the kill.
    Runs(Pid, bool),
    Passed,
}

impl Play<'_> {
    fn step(&mut self, tracer: &Tracer, step: Step) {
        match step {
            Step::AtCall(which) => self.at_call(tracer, which),
            Step::Ended(pid, _) if Some(pid) == tracer.pid(Traced::Test) => self.test_ended(),
            Step::Ended(pid, code) => match self.other {
                Some(Other::Runs(other, is_after_kill)) if other == pid => {
                    self.other_ended(code, is_after_kill);
                }
                _ => {}
            },
        }
    }

    fn at_call(&mut self, tracer: &Tracer, which: Traced) {
        if self.other.is_none() && self.kill.is_crowded() && self.is_in_use(which) {
            self.start_other();
        }
        if self.kill.victim.counts(which) {
            self.stops += 1;
            if self.stops == self.kill.at {
                self.is_killed = true;
                match self.kill.victim {
                    Victim::Runner => self.run.kill_runner(),
                    _ => send_kill(tracer.pid(which).unwrap()),
                }
            }
        }
    }

    /// Returns true if the server is running, or is being started.
    fn is_in_use(&self, which: Traced) -> bool {
        let runs_before =
            matches!(self.kill.victim, Victim::Leaseholder | Victim::ExclusiveLeaseholder);
        runs_before || which == Traced::Supervisor
    }

    fn test_ended(&mut self) {
        self.is_over = true;
        if let Some(mut keeper) = self.keeper.take() {
            assert!(keeper.finish().success(), "{}: the other lease was lost", self.kill);
        }
        match (self.kill.victim, self.other) {
            (Victim::Runner, _) | (_, Some(Other::Passed)) => self.run.kill_runner(),
            (_, None) => self.start_other(),
            (_, Some(Other::Runs(..))) => {}
        }
    }

    fn start_other(&mut self) {
        let log = File::create(self.run.temp.join("other.log")).unwrap();
        let mut test = self.run.test("works on the branched one");
        let test = test.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let pid = Pid::from_raw(test.spawn().unwrap().id() as i32);
        self.other = Some(Other::Runs(pid, self.is_killed));
    }

    fn other_ended(&mut self, code: Option<i32>, is_after_kill: bool) {
        let log = fs::read_to_string(self.run.temp.join("other.log")).unwrap();
        let is_lost = self.is_killed && !is_after_kill;
        match self.kill.victim {
            Victim::Runner => {}
            // It had the server whose supervisor was killed. One after it passes.
            Victim::SessionSupervisor if is_lost && log.contains(WITHOUT_SERVER) => {
                return self.start_other();
            }
            _ => assert_eq!(code, Some(0), "{}, the other test: {log}", self.kill),
        }
        self.other = Some(Other::Passed);
        if self.is_over {
            self.run.kill_runner();
        }
    }
}

fn send_kill(pid: Pid) {
    test_process::kill(pid.as_raw() as u32, Signal::SIGKILL);
}
