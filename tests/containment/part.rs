//! The test process that comes to an end, played by this binary in a process of its own.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use mirakuru_tests::{alive, processes_with_mark};

use crate::shape;

/// What a part is to do, in the environment of the process that plays it.
const VARIABLES: [&str; 3] = ["CONTAINMENT_END", "CONTAINMENT_SHAPE", "CONTAINMENT_MARK"];

/// A process that plays a part. It has started its server.
pub(crate) struct Part {
    pub(crate) child: Child,
    pub(crate) stdin: Option<ChildStdin>,
    mark: String,
}

impl Part {
    pub(crate) fn command(test: &str, values: [&str; 3], temp: &Path) -> Command {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args([test, "--exact", "--nocapture"]).env("TMPDIR", temp).process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        for (name, value) in VARIABLES.iter().zip(values) {
            command.env(name, value);
        }
        command
    }

    pub(crate) fn start(end: &str, shape: &str, mark: &str, temp: &Path) -> Self {
        let mut child = Self::command("part::plays", [end, shape, mark], temp).spawn().unwrap();
        let lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
        let started = lines.map_while(Result::ok).any(|line| line == "started");
        assert!(started, "the part `{end}` with `{shape}` did not start");
        let stdin = child.stdin.take();
        Self { child, stdin, mark: mark.to_owned() }
    }

    /// Lets a part that waits go on.
    pub(crate) fn go_on(&mut self) {
        let _ = self.stdin.take().unwrap().write_all(b"\n"); // It may have been killed already.
    }

    /// All that is left of it and its server.
    pub(crate) fn survivors(&self, temp: &Path) -> Vec<i32> {
        let mut left = processes_with_mark(&self.mark);
        let named = std::fs::read_to_string(temp.join("pid")).unwrap_or_default();
        left.extend(named.trim().parse::<i32>().into_iter().filter(|pid| alive(pid)));
        left
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The values of a part, if this process plays one.
pub(crate) fn values() -> Option<[String; 3]> {
    let [end, shape, mark] = VARIABLES.map(variable);
    Some([end?, shape?, mark?])
}

/// Not a test of its own: it plays a part that others ask for.
#[test]
fn plays() {
    let Some([end, shape, mark]) = values() else { return };
    let server = shape::start(&shape, &mark, &std::env::temp_dir().join("pid"));
    if end == "panics in an aborting program" {
        // What `panic = "abort"` compiles into a program.
        std::panic::set_hook(Box::new(|_| std::process::abort()));
    }
    // libtest begins the line with the name of the test.
    println!("\nstarted");
    std::io::stdin().read_exact(&mut [0]).unwrap();
    match end.as_str() {
        "passes" => drop(server),
        "fails" | "panics in an aborting program" => panic!("as it should"),
        "forgets" => std::mem::forget(server),
        "exits" => std::process::exit(3),
        "aborts" => std::process::abort(),
        "executes" => panic!("{}", Command::new("true").exec()),
        other => panic!("no end is called {other}"),
    }
}
