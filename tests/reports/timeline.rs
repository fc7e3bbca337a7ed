//! `MIRAKURU_TIMELINE`: a page about the servers and tests of a run, and a trace.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use mirakuru_rstest::{Executor, Process, Scope, Shared, with_process};
use mirakuru_tests::test_process;
use mirakuru_tests::{ScratchDir, bin, need, scratch_dir};

static TIMED: Shared = Shared::new(|| {
    let script = "echo 'ready </script>'; exec sleep 100 # timeline";
    Executor::shell(script).before_start("true").output("^ready").name("timed")
})
.scope(Scope::Session);

/// Plays a role for another test: a test process of the run.
#[test]
fn plays_a_role() {
    match test_process::role().as_deref() {
        Some("leases it") => {
            drop(TIMED.lease().unwrap());
            TIMED.exclusive().unwrap().restart().unwrap();
        }
        Some("kills it") => TIMED.exclusive().unwrap().kill().map(drop).unwrap(),
        Some("sees it die") => {
            let lease = TIMED.lease().unwrap();
            test_process::kill(lease.pid(), nix::sys::signal::SIGKILL);
            while lease.is_running() {
                std::thread::yield_now();
            }
        }
        Some("uses two") => uses_two(),
        Some("is killed") => {
            let _own = Executor::new("sleep 100").name("of a killed test").start().unwrap();
            std::process::abort(); // No exit handler runs.
        }
        _ => {}
    }
}

#[with_process(cmd = "sleep 101", name = "one")]
#[with_process(cmd = "sleep 102", name = "other")]
fn uses_two(_one: &Process, _other: &Process) {}

/// Runs test processes one after the other, below a runner in a directory, which then has the page.
fn page_of(roles: &[&str]) -> ScratchDir {
    run_of(roles).0
}

/// The same, with what the processes have printed.
fn run_of(roles: &[&str]) -> (ScratchDir, String) {
    let dir = scratch_dir();
    let printed = run_in(&dir, roles);
    (dir, printed)
}

/// The same in a directory that may have something in it.
fn run_in(dir: &Path, roles: &[&str]) -> String {
    let mut printed = String::new();
    let mut runner = Command::new(bin!("mk-cat"));
    let (stdin, stdout) = (Stdio::piped(), Stdio::null());
    let mut runner = runner.current_dir(dir).stdin(stdin).stdout(stdout).spawn().unwrap();
    for role in roles {
        let mut run = test_process::playing("timeline::plays_a_role", role);
        run.env("MIRAKURU_SESSION", runner.id().to_string()).env("TMPDIR", dir);
        run.env("MIRAKURU_TIMELINE", "run.html").env_remove("NEXTEST_TEST_NAME");
        let output = run.output().unwrap();
        assert_eq!(output.status.success(), *role != "is killed", "{output:?}");
        printed += &test_process::printed(&output);
    }
    drop(runner.stdin.take());
    runner.wait().unwrap();
    printed
}

/// Returns the events of a trace, a line each, after their times were checked.
fn events_of(trace: &Path) -> Option<Vec<String>> {
    const READ: &str = "
import json, sys
events = [event for event in json.load(open(sys.argv[1])) if event['ph'] != 'M']
starts = [event for event in events if event['name'] == 'starting']
ready = [event for event in events if event['ph'] == 'B']
for one, other in zip(starts, ready):
    assert one['ts'] < one['ts'] + one['dur'] <= other['ts'] + 1000, (one, other)
for event in events:
    assert event.get('dur', 0) < 60e6 and event['ts'] > 1.5e15, event
    print(event['ph'], event['name'], event['args'].get('exclusive', ''))
";
    let read = Command::new(need("python3")?).args(["-c", READ]).arg(trace).output().unwrap();
    assert!(read.status.success(), "{}", test_process::printed(&read));
    let printed = String::from_utf8(read.stdout).unwrap();
    Some(printed.lines().map(|line| line.trim_end().to_owned()).collect())
}

#[test]
fn a_run_has_a_page_and_a_trace_where_the_user_has_started_it() {
    let dir = page_of(&["leases it"]);
    let page = fs::read_to_string(dir.join("run.html")).unwrap();
    assert_eq!(page.matches("</script>").count(), 2, "a line of a server ends the data");
    assert!(page.contains("ready \\u003c/script>"), "a line of a server is missing");
    let Some(events) = events_of(&dir.join("run.trace.json")) else { return };
    let start = ["i starts", "X before_start: true", "X starting", "B ready", "X start of timed"];
    let lease = |how| ["X lease of timed".to_owned(), format!("b timed {how}")];
    let expected = [
        &start.map(str::to_owned)[..],
        &lease("False"),
        &["e timed False".to_owned()],
        &lease("True"),
        &["E ready".to_owned()],
        &start.map(str::to_owned),
        &["e timed True".to_owned()],
    ];
    assert_eq!(events, expected.concat());
}

#[test]
fn a_killed_test_process_stays_on_the_page_with_the_others() {
    let dir = page_of(&["leases it", "is killed", "leases it"]);
    let page = fs::read_to_string(dir.join("run.html")).unwrap();
    assert!(page.contains("of a killed test"), "{page}");
    let Some(events) = events_of(&dir.join("run.trace.json")) else { return };
    assert_eq!(events.iter().filter(|event| *event == "b timed True").count(), 2, "{events:#?}");
}

#[test]
fn a_run_says_once_where_its_page_is() {
    let (dir, printed) = run_of(&["is killed", "leases it", "leases it"]);
    let line = format!("mirakuru: timeline in {}\n", dir.join("run.html").display());
    assert_eq!(printed.matches(&line).count(), 1, "{printed}");
}

#[test]
fn a_page_that_cannot_be_written_is_reported_once_with_the_reason() {
    let dir = scratch_dir();
    let page = dir.join("run.html");
    fs::create_dir(&page).unwrap();
    let printed = run_in(&dir, &["leases it", "leases it"]);
    let line = format!("mirakuru: no timeline: {}: Is a directory", page.display());
    assert_eq!(printed.matches(&line).count(), 1, "{printed}");
    assert!(!printed.contains("timeline in "), "{printed}");
    assert!(!dir.join("run.new").exists(), "the draft is left");

    fs::remove_dir(&page).unwrap();
    let printed = run_in(&dir, &["leases it"]);
    assert!(printed.contains("timeline in ") && page.is_file(), "{printed}");
}

#[test]
fn what_a_test_starts_together_is_in_the_row_of_that_test() {
    let dir = page_of(&["uses two"]);
    let events = fs::read_to_string(dir.join("run.events")).unwrap();
    let rows = events.lines().filter(|it| it.contains("thread_name") && !it.contains("\"pid\":1,"));
    let rows: Vec<_> = rows.filter_map(|row| row.split("\"args\":").nth(1)).collect();
    assert_eq!(rows.len(), 4, "two starts and two leases: {events}");
    assert!(rows.iter().all(|it| *it == r#"{"name":"timeline::plays_a_role"}}"#), "{rows:#?}");
}

/// Without `/proc`, standard error of the runner cannot be opened.
#[cfg(not(mirakuru_fallback))]
#[test]
fn the_line_about_the_page_is_not_in_the_captured_output_too() {
    const CAPTURING: &str =
        "NEXTEST_RUN_ID=one sh -c 'exec \"$@\" 2> \"$CAPTURED\"' sh \"$@\"; exit $?";
    let dir = scratch_dir();
    let mut run = test_process::playing("timeline::plays_a_role", "leases it");
    run.env("CAPTURED", dir.join("captured")).env("MIRAKURU_TIMELINE", dir.join("run.html"));
    run.env("TMPDIR", &*dir).env("MIRAKURU_LOG", "info").stdin(Stdio::null());
    let mut nextest = test_process::run_by(&["sh", "-c", CAPTURING, "sh"], &run);
    let output = nextest.env_remove("MIRAKURU_SESSION").output().unwrap();
    let shown = String::from_utf8(output.stderr).unwrap();
    assert_eq!(shown.matches("timeline in ").count(), 1, "{shown}");
    let captured = fs::read_to_string(dir.join("captured")).unwrap();
    assert!(captured.contains("started timed") && !captured.contains("timeline in "), "{captured}");
}

/// Runs a browser on a page, if there is one: `MIRAKURU_BROWSER=chromium`.
fn browse(dir: &Path, options: &[&str]) -> Option<String> {
    let mut browser = Command::new(std::env::var_os("MIRAKURU_BROWSER")?);
    browser.args(["--headless=new", "--no-sandbox", "--disable-gpu"]).args(options);
    // Otherwise, it calls its maker.
    browser.args([
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
    ]);
    browser.arg("--disable-sync").arg(format!("--user-data-dir={}", dir.join("browser").display()));
    let page = format!("file://{}", dir.join("run.html").display());
    Some(String::from_utf8(browser.arg(page).output().unwrap().stdout).unwrap())
}

/// Leaves pictures of the page beside this test binary.
#[test]
fn a_browser_draws_the_page() {
    let dir = page_of(&["is killed", "leases it"]);
    let Some(drawn) = browse(&dir, &["--dump-dom"]) else { return };
    for bar in ["bar starting", "bar step", "bar ready", "bar lease", "bar exclusive", "bar wait"] {
        assert!(drawn.contains(&format!("class=\"{bar}")), "no `{bar}` in {drawn}");
    }
    assert!(drawn.contains("2 servers, 2 tests"), "{drawn}");
    assert!(drawn.contains(">waits for the lease of timed</span>"), "{drawn}");
    for (scheme, number) in [("dark", 0), ("light", 1)] {
        let picture = std::env::current_exe().unwrap().with_extension(format!("{scheme}.png"));
        let colors = format!("--blink-settings=preferredColorScheme={number}");
        let screenshot = format!("--screenshot={}", picture.display());
        browse(&dir, &[&colors, "--window-size=1200,600", &screenshot]);
        assert!(picture.is_file(), "{}", picture.display());
    }
}

#[test]
fn a_server_is_drawn_as_ready_until_its_end() {
    for (role, expected) in [
        ("kills it", "ready until it was ended by SIGKILL"),
        ("sees it die", "ready until it was ended by SIGKILL"),
        ("leases it", "ready until it was ended by SIGTERM"),
    ] {
        let Some(drawn) = browse(&page_of(&[role]), &["--dump-dom"]) else { return };
        assert!(drawn.contains(&format!("title=\"{expected}: ")), "{role}: {drawn}");
        assert!(drawn.contains("1 server, 1 test,"), "{role}: {drawn}");
    }
}
