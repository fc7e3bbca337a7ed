//! Processes that need other ones: which stops first, who waits for whom, and what is started again.

use std::process::Command;
use std::thread;

use mirakuru_rstest::__private::{Request, acquire};
use mirakuru_rstest::{ErrorKind, Executor, Process, Scope, Shared};
use mirakuru_tests::test_process::{self, TestProcess};
use mirakuru_tests::{alive, bin, eventually, http_get, try_http_get};
use nix::sys::signal::Signal;

use crate::roles::{mark, note, server};
use crate::run::{LONG, Run, all_passed, run_all};

/// The processes of one scope.
struct Servers {
    db: Shared,
    app: Shared,
    /// Two that need the database, and one that needs both.
    left: Shared,
    right: Shared,
    top: Shared,
    /// The last of a chain of five.
    tip: Shared,
}

static OF_THE_SESSION: Servers = Servers {
    db: Shared::new(|| server("db")).scope(Scope::Session),
    app: Shared::new(|| app("app", "{db.url}").needs("db", &OF_THE_SESSION.db))
        .scope(Scope::Session),
    left: Shared::new(|| app("left", "{db.url}").needs("db", &OF_THE_SESSION.db))
        .scope(Scope::Session),
    right: Shared::new(|| app("right", "{app.url}").needs("app", &OF_THE_SESSION.app))
        .scope(Scope::Session),
    top: Shared::new(|| top(&OF_THE_SESSION)).scope(Scope::Session),
    tip: Shared::new(|| tip(&OF_THE_SESSION)).scope(Scope::Session),
};

static OF_THE_BINARY: Servers = Servers {
    db: Shared::new(|| server("db")),
    app: Shared::new(|| app("app", "{db.url}").needs("db", &OF_THE_BINARY.db)),
    left: Shared::new(|| app("left", "{db.url}").needs("db", &OF_THE_BINARY.db)),
    right: Shared::new(|| app("right", "{app.url}").needs("app", &OF_THE_BINARY.app)),
    top: Shared::new(|| top(&OF_THE_BINARY)),
    tip: Shared::new(|| tip(&OF_THE_BINARY)),
};

fn app(name: &str, database: &str) -> Executor {
    let command = [bin!("mk-app"), name, "{port}", database, "--mark", &mark()];
    Executor::new(command).http("http://127.0.0.1:{port}/").name(name)
}

fn top(servers: &'static Servers) -> Executor {
    app("top", "{left.url}")
        .arg("{right.url}")
        .needs("left", &servers.left)
        .needs("right", &servers.right)
}

fn tip(servers: &'static Servers) -> Executor {
    app("tip", "{top.url}").needs("top", &servers.top)
}

/// The servers of the scope that the starting test has chosen.
fn servers() -> &'static Servers {
    match std::env::var("SCOPE").as_deref() {
        Ok("binary") => &OF_THE_BINARY,
        _ => &OF_THE_SESSION,
    }
}

/// Plays a role for another test.
pub(crate) fn plays(role: &str) {
    let Servers { db, app, tip, .. } = servers();
    match role {
        "needs: uses the app" => uses(&app.lease().unwrap()),
        "needs: uses all" => uses(&tip.lease().unwrap()),
        "needs: has all until it is killed" => {
            let tip = tip.lease().unwrap();
            test_process::say(format_args!("has pid {}", tip.pid()));
            park();
        }
        "needs: fails with the app" => {
            let _app = app.lease().unwrap();
            panic!("as it should");
        }
        "needs: has the database for itself" => {
            let mut db = db.exclusive().unwrap();
            note("db begins");
            db.restart().unwrap();
            note("db ends");
        }
        "needs: lets the database crash" => {
            let db = db.lease().unwrap();
            let _ = try_http_get(&format!("http://{}/crash", db.addr()));
            db.log().wait_for("never", LONG).unwrap_err();
        }
        "needs: has both" => has_both(),
        "needs: says who runs" => {
            let app = app.lease().unwrap();
            let db = db.lease().unwrap();
            println!("\napp {} db {}", app.pid(), db.pid());
        }
        other => panic!("no role is called {other}"),
    }
}

fn park() {
    loop {
        thread::park();
    }
}

fn uses(app: &Process) {
    assert_eq!(http_get(&app.url()).0, 200);
    let (_, databases) = http_get(&format!("{}databases", app.url()));
    for database in databases.split_whitespace() {
        assert_eq!(http_get(database).0, 200);
    }
}

fn has_both() {
    let Servers { db, app, .. } = servers();
    let [app, mut db] = acquire([Request::shared(app), Request::exclusive(db)]);
    let (app, db) = (app.shared(), db.exclusive());
    let before = app.pid();
    db.stopped(|| assert_eq!(http_get(&app.url()).0, 200)).unwrap();
    uses(app);
    assert_eq!(app.pid(), before);
}

/// Both ways in which tests share: within one process, and across processes.
const SCOPES: [&str; 2] = ["binary", "session"];

pub(crate) fn test(run: &Run, scope: &str, role: &str) -> Command {
    let mut test = run.test(&format!("needs: {role}"));
    test.env("SCOPE", scope);
    if scope == "binary" {
        test.env_remove("NEXTEST_EXECUTION_MODE");
    }
    test
}

/// Asserts that each dependant stopped before what it needs, which still answered.
#[track_caller]
fn stopped_in_order(run: &Run) {
    let events = run.events();
    let at = |name: &str| events.iter().position(|it| *it == format!("{name} was heard"));
    let [tip, top, right, app, left] = ["tip", "top", "right", "app", "left"].map(at);
    let in_order = tip.is_some() && tip < top && top < right && right < app && top < left;
    assert!(in_order && events.len() == 5, "{events:?}");
}

#[test]
fn what_needs_another_stops_first_when_the_run_ends() {
    for scope in SCOPES {
        let mut run = Run::new();
        let mut user = test(&run, scope, "uses all");
        let output = user.env("MIRAKURU_LOG", "info").output().unwrap();
        all_passed(std::slice::from_ref(&output));
        if scope == "binary" {
            let printed = test_process::printed(&output);
            let [tip, db] = ["stopped tip", "stopped db"].map(|line| printed.find(line));
            assert!(tip.is_some() && tip < db, "{printed}");
        }
        run.kill_runner();
        eventually(LONG, || run.processes().is_empty());
        stopped_in_order(&run);
        run.finish();
    }
}

#[test]
fn what_needs_another_stops_first_when_test_and_runner_are_killed() {
    for scope in SCOPES {
        let mut run = Run::new();
        let mut user = TestProcess::start(&mut test(&run, scope, "has all until it is killed"));
        user.number("has pid ");
        user.signal(Signal::SIGKILL);
        run.kill_runner();
        eventually(LONG, || run.processes().is_empty());
        stopped_in_order(&run);
        run.finish();
    }
}

#[cfg(not(mirakuru_fallback))] // A session has a runner, which is found there only.
#[test]
fn a_test_that_has_the_database_alone_waits_for_the_tests_of_the_app() {
    let run = Run::new();
    let mut keeper = TestProcess::start(&mut test(&run, "session", "has all until it is killed"));
    keeper.number("has pid ");
    let mut alone = test(&run, "session", "has the database for itself");
    let output = alone.env("MIRAKURU_LEASE_TIMEOUT", "0.6").output().unwrap();
    let printed = test_process::printed(&output);
    assert!(printed.contains("db was not returned within"), "{printed}");
    keeper.signal(Signal::SIGKILL);
    let alone = ["has the database for itself", "uses the app"].map(|it| test(&run, "session", it));
    all_passed(&run_all(alone.into(), 2));
    assert_eq!(run.events().len(), 2, "{:?}", run.events());
    run.finish();
}

#[test]
fn within_one_process_too_the_database_alone_waits_for_the_tests_of_the_app() {
    static DB: Shared = Shared::new(|| plain("waits"));
    static APP: Shared = Shared::new(|| plain("waits-app").needs("db", &DB).arg("{db.port}"));
    let app = APP.lease().unwrap();
    assert_eq!(DB.lease_count(), 1);
    let (pid, db) = (app.pid(), thread::spawn(|| DB.exclusive().unwrap().pid()));
    drop(APP.lease().unwrap()); // A second lease of the same test passes the request that waits.
    assert!(!db.is_finished());
    drop(app);
    db.join().unwrap();
    assert_eq!(APP.lease().unwrap().pid(), pid);
}

/// A server that no other test has.
pub(crate) fn plain(mark: &str) -> Executor {
    let script = "echo $$ > {dir}/pid; test -z \"$1\" || echo \"on $1\"; echo ready; exec sleep 60";
    Executor::new(["sh", "-c", script, mark]).output("^ready$").name(mark).env("PORT", "{port}")
}

#[test]
fn a_test_can_have_the_app_and_the_database_alone() {
    for scope in SCOPES {
        let run = Run::new();
        let tests = || ["has both", "uses the app", "has both"].map(|it| test(&run, scope, it));
        all_passed(&run_all(tests().into(), 3));
        run.finish();
    }
}

/// Returns the processes of the app and the database.
#[cfg(not(mirakuru_fallback))]
fn running(run: &Run) -> [u32; 2] {
    let mut user = TestProcess::start(&mut test(run, "session", "says who runs"));
    let line = user.line("app ");
    let (app, db) = line.split_once(" db ").unwrap();
    assert!(user.finish().success());
    [app, db].map(|pid| pid.parse().unwrap())
}

#[cfg(not(mirakuru_fallback))] // A session has a runner, which is found there only.
#[test]
fn a_database_that_died_is_started_again_together_with_what_needs_it() {
    let run = Run::new();
    let before = running(&run);
    assert_eq!(running(&run), before);
    all_passed(&run_all(vec![test(&run, "session", "lets the database crash")], 1));
    let after = running(&run);
    assert!(before.iter().all(|pid| !alive(*pid) && !after.contains(pid)), "{before:?} {after:?}");
    run.finish();
}

#[cfg(not(mirakuru_fallback))] // A session has a runner, which is found there only.
#[test]
fn a_database_that_was_killed_with_its_supervisor_takes_the_app_along() {
    let run = Run::new();
    let before = running(&run);
    let supervisor = crate::roles::parent_of(before[1]);
    test_process::kill(supervisor, Signal::SIGKILL);
    eventually(LONG, || !alive(before[0]));
    let after = running(&run);
    assert!(before.iter().all(|pid| !after.contains(pid)), "{before:?} {after:?}");
    run.finish();
}

#[test]
fn within_one_process_too_a_dead_database_is_started_again_with_the_app() {
    static DB: Shared = Shared::new(|| plain("dies"));
    static APP: Shared = Shared::new(|| plain("dies-app").needs("db", &DB).arg("{db.port}"));
    let both = || (APP.lease().unwrap().pid(), DB.lease().unwrap().pid());
    let before = both();
    DB.exclusive().unwrap().kill().unwrap();
    let after = both();
    assert!(before.0 != after.0 && before.1 != after.1, "{before:?} {after:?}");
    assert!(!alive(before.0) && !alive(before.1));
    assert_eq!(both(), after);
}

#[test]
fn an_app_that_is_still_being_stopped_with_its_database_is_not_leased_again() {
    static DB: Shared = Shared::new(|| plain("gone"));
    static APP: Shared = Shared::new(|| {
        let script =
            "trap 'sleep 0.6; exit 0' TERM; echo on {db.port}; while :; do sleep 0.02; done";
        Executor::shell(script).needs("db", &DB).name("gone-app").output("^on ")
    });
    let before = APP.lease().unwrap().pid();
    DB.exclusive().unwrap().kill().unwrap();
    let app = APP.lease().unwrap();
    assert_ne!(app.pid(), before);
    assert_eq!(app.log().read().unwrap(), format!("on {}\n", DB.lease().unwrap().port()));
    assert!(app.is_running());
    eventually(LONG, || !alive(before));
}

#[test]
fn a_process_of_its_own_has_a_lease_of_what_it_needs() {
    static DB: Shared = Shared::new(|| plain("own"));
    let app = plain("own-app").needs("db", &DB).arg("{db.port}").start().unwrap();
    assert_eq!(DB.lease_count(), 1);
    let wanted = format!("on {}\nready", DB.lease().unwrap().port());
    assert_eq!(app.log().tail(2).unwrap().trim_end(), wanted);
    drop(app);
    assert_eq!(DB.lease_count(), 0);
}

#[test]
fn a_start_that_fails_while_what_it_needs_does_not_run_is_tried_again() {
    static DB: Shared = Shared::new(|| plain("down"));
    static APP: Shared = Shared::new(|| {
        let script = "kill -0 $(cat {db.dir}/pid) && echo up && exec sleep 60";
        Executor::new(["sh", "-c", script]).needs("db", &DB).name("down-app").output("^up$")
    });
    let mut db = DB.exclusive().unwrap();
    let failed = db.stopped(|| APP.lease().map(drop)).unwrap();
    assert_eq!(failed.unwrap_err().kind(), ErrorKind::Exited);
    drop(db);
    APP.lease().map(drop).unwrap();
}

#[test]
fn a_failed_test_shows_what_its_process_needs_too_and_keeps_both() {
    for scope in SCOPES {
        let mut run = Run::new();
        let mut test = test(&run, scope, "fails with the app");
        let output = test.env("MIRAKURU_KEEP", "failed").output().unwrap();
        let printed = test_process::printed(&output);
        let [app, db] = ["app", "db"].map(|name| {
            assert!(printed.contains(&format!("--- {name}: running as pid")), "{printed}");
            let kept = printed.split_once(&format!("--- {name} is kept running")).unwrap().1;
            let supervisor = kept.split_once("help: `kill ").unwrap().1.split_once('`').unwrap().0;
            supervisor.parse().unwrap()
        });
        run.kill_runner();
        assert!(alive(app) && alive(db));
        test_process::kill(db, Signal::SIGTERM);
        eventually(LONG, || !alive(db) && !alive(app));
        assert_eq!(run.events(), ["app was heard"]);
        run.finish();
    }
}
