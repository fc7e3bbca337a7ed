//! Directories that are filled from a template.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use mirakuru_core::{ErrorKind, Executor, Process};
use mirakuru_tests::starting::{
    LONG, SHORT, StartSoon, fails, kill_supervisor, mark, nothing_left, reports, soon,
};
use mirakuru_tests::test_process::{TestProcess, playing, printed, role, say, value};
use mirakuru_tests::{Random, budget, eventually, scratch_dir, seed, this_test};
use nix::sys::signal::Signal;

const SECOND: Duration = Duration::from_secs(1);

/// Returns a process whose template leaves a file with a line for each time that it was made. `mark`
/// makes it another template than those of other tests.
fn made_by(mark: &str, script: &str) -> Executor {
    let script = format!("{script} # {mark}");
    Executor::new("sleep 300").template(["sh", "-c", &script])
}

/// Returns a script that counts in a file outside of the directory how often it runs.
fn counts(dir: &Path) -> String {
    format!("echo run >> {}/runs; cp {}/runs {{dir}}/made", dir.display(), dir.display())
}

fn made(process: &Process) -> String {
    fs::read_to_string(process.dir().join("made")).unwrap()
}

#[test]
fn the_command_runs_once_and_each_process_has_its_result() {
    let (temp, mark) = (scratch_dir(), mark());
    let executor = made_by(&mark, &counts(&temp));
    let (first, second) = (executor.start_soon(), executor.start_soon());
    assert_eq!((made(&first), made(&second)), ("run\n".to_owned(), "run\n".to_owned()));
    fs::write(first.dir().join("made"), "changed").unwrap();
    assert_eq!(made(&second), "run\n");
    drop((first, second));
    assert_eq!(made(&executor.start_soon()), "run\n");
}

#[test]
fn threads_that_start_at_once_wait_for_the_one_that_makes_it() {
    let (temp, mark) = (scratch_dir(), mark());
    let executor = made_by(&mark, &format!("sleep 0.2; {}", counts(&temp)));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_eq!(made(&executor.start_soon()), "run\n"));
        }
    });
}

#[test]
fn test_processes_that_start_at_once_wait_for_the_one_that_makes_it() {
    if role().is_some() {
        let executor = made_by(&value("MARK"), &format!("sleep 0.2; {}", value("COUNTS")));
        return say(made(&executor.start_soon()));
    }
    let (temp, mark) = (scratch_dir(), mark());
    let test = this_test!();
    let start = || {
        let mut command = playing(test, "starts");
        command.env("MARK", &mark).env("COUNTS", counts(&temp)).spawn().unwrap()
    };
    let processes = [start(), start(), start()];
    processes.into_iter().for_each(|mut process| assert!(process.wait().unwrap().success()));
    assert_eq!(fs::read_to_string(temp.join("runs")).unwrap(), "run\n");
}

#[test]
fn permissions_links_times_and_holes_are_kept() {
    let script = "cd {dir}; mkdir -p a/empty; echo text > a/b; chmod 440 a/b; chmod 750 a; \
        ln -s b a/link; ln a/b a/hard; touch -d @1000000000 a/b; truncate -s 50M hole; mkfifo fifo";
    let executor = made_by(&mark(), script);
    for process in [executor.start_soon(), executor.start_soon()] {
        let meta = |name: &str| fs::symlink_metadata(process.dir().join(name)).unwrap();
        assert_eq!((meta("a/b").mode() & 0o777, meta("a").mode() & 0o777), (0o440, 0o750));
        assert_eq!(meta("a/b").mtime(), 1_000_000_000);
        assert_eq!(meta("a/b").ino(), meta("a/hard").ino());
        assert_eq!(fs::read_link(process.dir().join("a/link")).unwrap(), Path::new("b"));
        assert!(meta("a/empty").is_dir());
        assert_eq!(meta("hole").len(), 50 << 20);
        assert!(meta("hole").blocks() < 1_000);
        assert_eq!(fs::metadata(process.dir()).unwrap().permissions().mode() & 0o777, 0o700);
    }
}

#[test]
fn a_restart_keeps_the_data_and_a_new_supervisor_fills_a_new_directory() {
    let (temp, mark) = (scratch_dir(), mark());
    let mut process = made_by(&mark, &counts(&temp)).start_soon();
    fs::write(process.dir().join("made"), "changed").unwrap();
    soon(|| process.restart()).unwrap();
    assert_eq!(made(&process), "changed");
    kill_supervisor(&process);
    soon(|| process.restart()).unwrap();
    assert_eq!(made(&process), "run\n");
}

#[test]
fn a_file_is_there_before_the_template_and_written_again_after_it() {
    let (temp, mark) = (scratch_dir(), mark());
    let script = format!("cat {{dir}}/a > {{dir}}/seen; echo > {{dir}}/a; {}", counts(&temp));
    let executor = |text: &str| made_by(&mark, &script).file("{dir}/a", text).env("A", "{port}");
    let read =
        |process: &Process, name: &str| fs::read_to_string(process.dir().join(name)).unwrap();
    for process in [executor("text").start_soon(), executor("text").start_soon()] {
        assert_eq!((read(&process, "a"), read(&process, "seen")), ("text".into(), "text".into()));
        assert_eq!(made(&process), "run\n");
    }
    let other = executor("other").start_soon();
    assert_eq!((read(&other, "seen"), made(&other)), ("other".into(), "run\nrun\n".into()));
}

#[test]
fn a_file_with_a_port_does_not_keep_a_template_from_being_kept() {
    let (temp, mark) = (scratch_dir(), mark());
    let executor = made_by(&mark, &counts(&temp)).file("{dir}/a", "{port} {dir}");
    let [first, second] = [executor.start_soon(), executor.start_soon()];
    assert_eq!(made(&second), "run\n");
    for process in [first, second] {
        let text = fs::read_to_string(process.dir().join("a")).unwrap();
        assert_eq!(text, format!("{} {}", process.port(), process.dir().display()));
    }
}

#[test]
fn another_environment_or_command_is_another_template() {
    let (temp, mark) = (scratch_dir(), mark());
    let executor = made_by(&mark, &counts(&temp));
    assert_eq!(made(&executor.start_soon()), "run\n");
    assert_eq!(made(&executor.clone().env("A", "b").start_soon()), "run\nrun\n");
    assert_eq!(made(&executor.clone().template("true").start_soon()), "run\nrun\nrun\n");
    // What does not concern the template does not count.
    assert_eq!(made(&executor.arg("1").name("other").timeout(LONG).start_soon()), "run\n");
}

#[test]
fn a_template_with_the_path_of_its_directory_is_made_for_each_process() {
    if role().is_some() {
        let script =
            format!("mkdir {{dir}}/conf; echo {{dir}} > {{dir}}/conf/a; {}", value("COUNTS"));
        let executor = made_by(&value("MARK"), &script);
        for runs in ["run\n", "run\nrun\n", "run\nrun\nrun\n"] {
            assert_eq!(made(&executor.start_soon()), runs);
        }
        return;
    }
    let (temp, mark) = (scratch_dir(), mark());
    let mut command = playing(this_test!(), "starts");
    let output = command.env("MARK", &mark).env("COUNTS", counts(&temp)).output().unwrap();
    assert!(output.status.success(), "{}", printed(&output));
    let why = "the template of sleep is not kept, so each process makes its own: `conf/a` has the \
        path of this process in it";
    assert_eq!(printed(&output).matches(why).count(), 1, "{}", printed(&output));
}

#[test]
fn a_link_to_its_directory_counts_as_the_path() {
    let (temp, mark) = (scratch_dir(), mark());
    let executor = made_by(&mark, &format!("ln -s {{dir}}/made {{dir}}/link; {}", counts(&temp)));
    let [first, second] = [executor.start_soon(), executor.start_soon()];
    assert_eq!((made(&first), made(&second)), ("run\n".to_owned(), "run\nrun\n".to_owned()));
    for process in [first, second] {
        let target = fs::read_link(process.dir().join("link")).unwrap();
        assert_eq!(target, process.dir().join("made"));
    }
}

#[test]
fn a_template_with_a_port_of_its_environment_is_made_for_each_process() {
    let (temp, mark) = (scratch_dir(), mark());
    let executor = made_by(&mark, &format!("{}; echo $P >> {{dir}}/port", counts(&temp)));
    let executor = executor.env("P", "{port}");
    let [first, second] = [executor.start_soon(), executor.start_soon()];
    for process in [&first, &second] {
        let text = fs::read_to_string(process.dir().join("port")).unwrap();
        assert_eq!(text, format!("{}\n", process.port()));
    }
    assert_eq!(made(&second), "run\nrun\n");
}

#[test]
fn no_template_is_kept_if_the_user_wants_none() {
    if role().is_some() {
        let executor = made_by(&value("MARK"), &value("COUNTS"));
        let _ = [executor.start_soon(), executor.start_soon()];
        return;
    }
    let (temp, mark) = (scratch_dir(), mark());
    let mut command = playing(this_test!(), "starts");
    command.env("MARK", &mark).env("COUNTS", counts(&temp));
    assert!(command.env("MIRAKURU_TEMPLATES", "off").status().unwrap().success());
    assert_eq!(fs::read_to_string(temp.join("runs")).unwrap(), "run\nrun\n");
}

#[test]
fn a_port_in_a_template_is_an_error() {
    let error = fails(&made_by("", "echo {port} > {dir}/a"), ErrorKind::InvalidInput);
    reports(&error, &["has a port in it"]);
}

#[test]
fn a_template_without_a_directory_is_an_error() {
    let error = fails(&made_by("", "true"), ErrorKind::InvalidInput);
    reports(&error, &["mention `{dir}` in its command"]);
}

#[test]
fn a_template_that_fails_is_the_error_and_the_next_start_tries_again() {
    let (temp, mark) = (scratch_dir(), mark());
    let script =
        format!("{}; grep -c run {{dir}}/made; test -e {}/ok", counts(&temp), temp.display());
    let executor = made_by(&mark, &script);
    let error = fails(&executor, ErrorKind::Failed);
    reports(&error, &["template failed: `sh -c", "exited with code 1", "not started"]);
    fs::write(temp.join("ok"), "").unwrap();
    for _ in 0..2 {
        assert_eq!(made(&executor.start_soon()), "run\nrun\n");
    }
}

#[test]
fn a_template_takes_part_of_the_time_limit() {
    let mark = mark();
    let error = fails(&made_by(&mark, "sleep 300; : {dir}").timeout(SHORT), ErrorKind::Timeout);
    reports(&error, &["not ready within 0.600 s: `sh -c", "of template still runs"]);
    nothing_left(&mark);
}

#[test]
fn a_start_that_waits_for_a_template_in_vain_says_so() {
    let (temp, mark) = (scratch_dir(), mark());
    let script = format!("touch {}/began; sleep 300; : {{dir}}", temp.display());
    let executor = made_by(&mark, &script);
    thread::scope(|scope| {
        scope.spawn(|| fails(&executor.clone().timeout(3 * SECOND), ErrorKind::Timeout));
        eventually(LONG, || temp.join("began").exists());
        let error = fails(&executor.clone().timeout(SECOND), ErrorKind::Timeout);
        reports(&error, &["not ready within 1.0 s: another test process builds its template"]);
    });
    nothing_left(&mark);
}

/// The number of files in the template that is killed.
const FILES: usize = 50;

#[test]
fn a_template_whose_builder_was_killed_is_never_half_used() {
    let script = "i=0; while [ $i -lt 50 ]; do echo text > {dir}/$i; i=$((i+1)); done; sleep 0.01";
    if role().is_some() {
        return drop(made_by(&value("MARK"), script).start_soon());
    }
    let mut random = Random::new(seed());
    let (_sender, never) = mpsc::channel::<()>();
    let end = Instant::now() + budget();
    let mut kills = 0;
    while Instant::now() < end || kills == 0 {
        let (temp, mark) = (scratch_dir(), mark());
        let mut command = playing(this_test!(), "is killed");
        let mut builder = TestProcess::start(command.env("MARK", &mark).env("TMPDIR", &*temp));
        let pause = Duration::from_micros(random.below(60_000));
        let _ = never.recv_timeout(pause); // The moment is what varies.
        builder.signal(Signal::SIGKILL);
        let process = made_by(&mark, script).start_soon();
        let files = fs::read_dir(process.dir()).unwrap().flatten();
        let whole = files.filter(|file| fs::read_to_string(file.path()).unwrap() == "text\n");
        assert_eq!(whole.count(), FILES, "killed after {pause:?}");
        drop(process);
        nothing_left(&mark);
        kills += 1;
    }
    println!("{kills} builders were killed");
}
