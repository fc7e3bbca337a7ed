//! Other users of the machine: processes of theirs that this user may not signal, and files of this user
//! that they may not read or replace.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use mirakuru_core::{Executor, Process, Scope, Shared, Signal};
use mirakuru_tests::starting::{LONG, StartSoon, soon};
use mirakuru_tests::test_process::{ROLE, TestProcess, kill, playing, printed, role, say, value};
use mirakuru_tests::{bin, eventually, need, scratch_dir, this_test};
use nix::sys::signal::SIGKILL;

/// Returns a set-user-ID program of root that becomes root and runs a command.
fn becomes_root(dir: &Path) -> Option<String> {
    if !nix::unistd::geteuid().is_root() {
        println!("skipped: only root can make a program that becomes root");
        return None;
    }
    let setpriv = need("setpriv")?;
    let program = dir.join("becomes-root");
    fs::copy(setpriv, &program).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o4755)).unwrap();
    fs::set_permissions(dir, fs::Permissions::from_mode(0o1777)).unwrap();
    Some(program.display().to_string())
}

/// Starts a server that has become root.
fn server() -> Process {
    let words = [value("PROGRAM"), "--reuid=0".to_owned(), "sh".to_owned(), "-c".to_owned()];
    let server = Executor::new(words).arg("echo ready; exec sleep 300").name("of-root");
    server.output("^ready$").stop_timeout(LONG).start_soon()
}

#[test]
fn a_process_that_cannot_be_signalled_is_named_with_its_user_at_once() {
    if role().is_some() {
        let mut server = server();
        say(format!("pid {}", server.pid()));
        let errors = [
            soon(|| server.signal(Signal::HUP)).unwrap_err(),
            soon(|| server.pause()).unwrap_err(),
            soon(|| server.stop()).unwrap_err(),
            soon(|| server.kill()).unwrap_err(),
        ];
        errors.iter().for_each(say);
        soon(|| drop(server));
        return say("its supervisor has ended");
    }
    let dir = scratch_dir();
    let Some(program) = becomes_root(&dir) else { return };
    let test = playing(this_test!(), "is not root");
    let mut unprivileged = Command::new("setpriv");
    unprivileged
        .args(["--reuid=65534", "--clear-groups"])
        .arg(test.get_program())
        .args(test.get_args());
    unprivileged
        .env(ROLE, "is not root")
        .env("PROGRAM", program)
        .env("TMPDIR", &*dir)
        .current_dir("/");
    let printed = printed(&unprivileged.output().unwrap());
    let pid = printed.lines().find_map(|line| line.strip_prefix("pid ")?.parse().ok());
    kill(pid.unwrap_or_else(|| panic!("no server: {printed}")), SIGKILL);
    let refusal = "belongs to the user `root` and cannot be signalled";
    // Four errors, and the line of the drop.
    assert_eq!(printed.matches(refusal).count(), 5, "{printed}");
    assert!(printed.contains("mirakuru: of-root is left running: pid "), "{printed}");
    assert!(printed.contains("its supervisor has ended"), "{printed}");
}

/// What the test processes of a session share.
static SHARED: Shared = Shared::new(of_role).scope(Scope::Session);

fn of_role() -> Executor {
    let script = match role().as_deref() {
        Some("starts slowly") => {
            "echo > begun; while [ ! -e go ]; do sleep 0.02; done; echo ready; exec sleep 300"
        }
        _ => "stat -L -c 'mode %a' /dev/stdin; echo ready; exec sleep 300",
    };
    Executor::shell(script).output("ready").stdin("secret").timeout(LONG)
}

/// Plays a test process of a session.
#[test]
fn plays_a_test_of_a_session() {
    let Some(_) = role() else { return };
    let lease = match SHARED.lease() {
        Ok(lease) => lease,
        Err(error) => return say(format!("{error:?}")),
    };
    say(lease.log().read().unwrap());
    let logs = lease.log().path().parent().unwrap().metadata().unwrap();
    say(format!("logs {:o}", logs.permissions().mode() & 0o7777));
    say("leased");
}

/// A process whose life is a session.
struct Runner(Child);

impl Runner {
    fn start() -> Self {
        let mut command = Command::new(bin!("mk-cat"));
        Self(command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap())
    }

    /// Runs a test process with the umask 000.
    fn run(&self, temp: &Path) -> String {
        let umask_0 = ["sh", "-c", "umask 000; exec \"$@\"", "sh"];
        printed(&of_session("starts", self.0.id(), temp, &umask_0).output().unwrap())
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        let _ = self.0.wait(); // This closes its standard input.
    }
}

/// Returns the command of a test process of the session of this runner.
fn of_session(role: &str, runner: u32, temp: &Path, words: &[&str]) -> Command {
    let test = playing("other_users::plays_a_test_of_a_session", role);
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).arg(test.get_program()).args(test.get_args());
    command
        .env(ROLE, role)
        .env("MIRAKURU_SESSION", runner.to_string())
        .env("TMPDIR", temp)
        .current_dir(temp);
    command
}

/// A PID namespace of its own, in which the shell is process 1.
const PID_NAMESPACE: &[&str] =
    &["unshare", "--pid", "--fork", "--mount-proc", "sh", "-c", "\"$@\"; exit", "sh"];

#[test]
fn no_other_user_can_read_standard_input_or_logs_whatever_the_umask() {
    let temp = scratch_dir();
    let printed = Runner::start().run(&temp);
    assert!(printed.contains("mode 600"), "{printed}");
    assert!(printed.contains("logs 700"), "{printed}");
}

#[test]
fn a_directory_in_which_all_users_can_replace_files_is_refused() {
    let temp = scratch_dir();
    fs::set_permissions(&temp, fs::Permissions::from_mode(0o777)).unwrap();
    let printed = Runner::start().run(&temp);
    assert!(printed.contains("has no sticky bit"), "{printed}");
    assert!(printed.contains(&temp.display().to_string()), "{printed}");
    assert!(!printed.contains("leased"), "{printed}");
}

#[test]
fn a_stale_session_of_another_user_is_neither_connected_to_nor_removed() {
    if !nix::unistd::geteuid().is_root() {
        return println!("skipped: only root can make directories of another user");
    }
    let temp = scratch_dir();
    let runner = Runner::start();
    let first = runner.run(&temp);
    assert!(first.contains("leased"), "{first}");
    let entries = || fs::read_dir(&temp).unwrap().flatten().map(|entry| entry.path());
    let has_socket = |path: &PathBuf| {
        let mut files = fs::read_dir(path).into_iter().flatten().flatten();
        files.any(|file| file.path().extension() == Some("sock".as_ref()))
    };
    let session = entries().find(has_socket).unwrap().display().to_string();
    let (name, _) = session.rsplit_once('-').unwrap();
    let (prefix, _) = name.rsplit_once('-').unwrap();
    let stale = PathBuf::from(format!("{prefix}-999999999-1"));
    fs::create_dir(&stale).unwrap();
    let listener = UnixListener::bind(stale.join("a.sock")).unwrap();
    listener.set_nonblocking(true).unwrap();
    std::os::unix::fs::chown(&stale, Some(65534), None).unwrap();

    // Another session, which removes stale ones.
    let second = Runner::start().run(&temp);
    assert!(second.contains("leased"), "{second}");
    assert!(stale.exists());
    let connected = listener.accept().map(drop).map_err(|error| error.kind());
    assert_eq!(connected, Err(std::io::ErrorKind::WouldBlock));
}

#[test]
fn sessions_of_two_pid_namespaces_share_a_directory_for_temporary_files() {
    let can_make_one =
        Command::new(PID_NAMESPACE[0]).args(&PID_NAMESPACE[1..]).arg("true").status();
    if !can_make_one.is_ok_and(|status| status.success()) {
        return println!("skipped: this user cannot make a PID namespace");
    }
    let temp = scratch_dir();
    let mut slow = TestProcess::start(&mut of_session("starts slowly", 1, &temp, PID_NAMESPACE));
    eventually(LONG, || temp.join("begun").exists());
    let quick = of_session("starts", 1, &temp, PID_NAMESPACE).output().unwrap();
    assert!(printed(&quick).contains("leased"), "{}", printed(&quick));
    fs::write(temp.join("go"), "").unwrap();
    slow.line("leased");
}
