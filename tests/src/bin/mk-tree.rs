//! Starts N (1) children with M children each, prints `child PID` for all, `ready`, and waits.
//! `mk-tree [--children N] [--grandchildren M] [--setsid] [--ignore-term] [--child-ignores-term]`

use std::env;
use std::io::{self, BufRead, BufReader};
use std::process::{Command, Stdio};

use mirakuru_tests::program::{self, Args, Signals, StartLog, say, sleep_forever};
use nix::unistd::setsid;

fn main() -> io::Result<()> {
    program::limit_life();
    let mut args = Args::from_env();
    let is_leaf = args.flag("--leaf");
    let ignores_term = args.flag("--ignore-term");
    let below = Below {
        children: args.value("--children").unwrap_or(if is_leaf { 0 } else { 1 }),
        grandchildren: args.value("--grandchildren").unwrap_or(0),
        setsid: args.flag("--setsid"),
        ignore_term: args.flag("--child-ignores-term"),
        mark: args.mark().map(String::from),
    };
    args.end();
    if is_leaf { leaf(&below) } else { root(&below, ignores_term) }
}

/// The processes to start.
struct Below {
    children: usize,
    grandchildren: usize,
    setsid: bool,
    ignore_term: bool,
    mark: Option<String>,
}

fn root(below: &Below, ignores_term: bool) -> io::Result<()> {
    StartLog::from_env().started();
    // The children are started first, so that they do not inherit the signal mask.
    below.start_all()?;
    if ignores_term {
        let _ = Signals::term().block(); // It is never waited for.
    } else {
        program::exit_on_term(|| ());
    }
    say("ready")?;
    sleep_forever()
}

fn leaf(below: &Below) -> io::Result<()> {
    if below.setsid {
        setsid()?;
    }
    below.start_all()?;
    if below.ignore_term {
        let _ = Signals::term().block(); // It is never waited for.
    }
    say("ready")?;
    sleep_forever()
}

impl Below {
    fn start_all(&self) -> io::Result<()> {
        (0..self.children).try_for_each(|_| self.start())
    }

    /// Starts one child and forwards its output until it is ready.
    fn start(&self) -> io::Result<()> {
        let mut command = Command::new(env::current_exe()?);
        command.args(["--leaf", "--children", &self.grandchildren.to_string()]);
        command.args(self.setsid.then_some("--setsid"));
        command.args(self.ignore_term.then_some("--child-ignores-term"));
        command.args(self.mark.iter().flat_map(|mark| ["--mark", mark]));
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        say(format_args!("child {}", child.id()))?;

        let lines = BufReader::new(child.stdout.take().expect("stdout was asked for")).lines();
        for line in lines {
            match line?.as_str() {
                "ready" => return Ok(()),
                descendant => say(descendant)?,
            }
        }
        Err(io::Error::other("a child ended before it was ready"))
    }
}
