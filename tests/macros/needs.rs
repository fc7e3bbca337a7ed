//! Processes that need others, by the attribute and by fixtures.

use mirakuru_rstest::{Executor, Lease, Process, Shared, process_fixture, with_process};
use mirakuru_tests::{bin, http_get};
use rstest::rstest;

static DB: Shared = Shared::new(|| database("static"));

#[process_fixture]
fn db() -> Executor {
    database("fixture")
}

fn database(mark: &str) -> Executor {
    let command = [bin!("mk-http-server"), "{port}", "--mark", mark];
    Executor::new(command).http("http://127.0.0.1:{port}/")
}

/// Its description has values of the process that it needs.
#[process_fixture]
fn app(db: Lease) -> Executor {
    Executor::new([bin!("mk-app"), "app", "{port}", &db.url()]).http("http://127.0.0.1:{port}/")
}

#[process_fixture]
fn app_of_another_name(#[from(db)] database: Lease) -> Executor {
    Executor::new([bin!("mk-app"), &format!("on-{}", database.port()), "{port}", "{database.url}"])
        .http("http://127.0.0.1:{port}/")
}

fn database_of(app: &Process) -> String {
    let (code, databases) = http_get(&format!("{}databases", app.url()));
    assert_eq!(code, 200);
    databases
}

#[with_process(
    cmd = [bin!("mk-app"), "by-attribute", "{port}", "{db.url}", "{other.url}"],
    http = "http://127.0.0.1:{port}/",
    needs(db = DB, other = db),
)]
#[with_process(db)]
#[test]
fn the_attribute_names_what_a_process_needs(app: &Process, other: &Process) {
    assert_eq!(database_of(app), format!("{} {}", DB.lease().unwrap().url(), other.url()));
}

#[rstest]
fn a_fixture_is_described_by_the_lease_of_another(app: Lease, db: Lease) {
    assert_eq!(database_of(&app), db.url());
}

#[rstest]
fn the_other_one_may_have_another_name(#[from(app_of_another_name)] app: Lease, db: Lease) {
    assert_eq!(database_of(&app), db.url());
}

#[with_process(app)]
#[with_process(db)]
#[test]
fn a_test_has_the_database_alone_and_the_app_of_a_fixture(app: &Process, db: &mut Process) {
    let before = app.pid();
    db.stopped(|| assert_eq!(http_get(&app.url()).0, 200)).unwrap();
    assert_eq!((database_of(app), app.pid()), (db.url(), before));
}

#[with_process(db)]
#[rstest]
fn a_parameter_of_the_same_name_does_not_hide_the_definition(db: Lease) -> Result<(), String> {
    (http_get(&db.url()).0 == 200).then_some(()).ok_or_else(|| "no answer".to_owned())
}

/// A chain of fixtures: its description is one of a description.
#[process_fixture]
fn proxy(app: Lease) -> Executor {
    Executor::new([bin!("mk-app"), "proxy", "{port}", &app.url()]).http("http://127.0.0.1:{port}/")
}

#[with_process(proxy)]
#[with_process(db)]
#[test]
fn a_test_has_the_end_of_a_chain_and_its_beginning_alone(proxy: &Process, db: &mut Process) {
    db.stopped(|| assert_eq!(http_get(&proxy.url()).0, 200)).unwrap();
    assert!(database_of(proxy).starts_with("http://"));
}

mod both {
    use mirakuru_rstest::{Executor, Lease, process_fixture};

    fn sleeper(name: &str) -> Executor {
        Executor::new(["sh", "-c", "echo up; exec sleep 60", name]).output("^up$").name(name)
    }

    #[process_fixture]
    pub(super) fn one() -> Executor {
        sleeper("one")
    }

    #[process_fixture]
    pub(super) fn two() -> Executor {
        sleeper("two")
    }

    #[process_fixture]
    pub(super) fn forth(#[from(one)] _first: Lease, #[from(two)] _other: Lease) -> Executor {
        sleeper("forth")
    }

    #[process_fixture]
    pub(super) fn back(#[from(two)] _other: Lease, #[from(one)] _first: Lease) -> Executor {
        sleeper("back")
    }
}

/// Fixtures that need the same two in different orders, and tests that have one of those alone.
macro_rules! no_two_tests_wait_for_each_other {
    ($($name:ident)*) => {$(
        mod $name {
            use mirakuru_rstest::{Process, with_process};

            use super::both::{back, forth, one, two};

            #[with_process(forth)]
            #[test]
            fn forth_and(_forth: &Process) {}

            #[with_process(back)]
            #[test]
            fn back_and(_back: &Process) {}

            #[with_process(one)]
            #[test]
            fn one_alone(_one: &mut Process) {}

            #[with_process(two)]
            #[test]
            fn two_alone(_two: &mut Process) {}
        }
    )*};
}

no_two_tests_wait_for_each_other!(first second third fourth fifth sixth seventh eighth);

mod cycle {
    use mirakuru_rstest::{Executor, Lease, process_fixture};

    #[process_fixture]
    fn hen(egg: Lease) -> Executor {
        Executor::new(format!("sleep {}", egg.port()))
    }

    #[process_fixture]
    fn egg(hen: Lease) -> Executor {
        Executor::new(format!("sleep {}", hen.port()))
    }

    #[test]
    #[should_panic(expected = "`hen` needs `egg`, which needs `hen`")]
    fn fixtures_that_need_each_other_are_an_error_that_names_them() {
        let _ = hen::get();
    }
}
