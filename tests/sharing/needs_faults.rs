//! Processes that need others, described wrongly or used in the wrong order.

use std::thread;

use mirakuru_rstest::{ErrorKind, Executor, Scope, Shared};

use crate::needs::plain;

#[test]
fn the_error_of_what_is_needed_names_both() {
    static DB: Shared =
        Shared::new(|| Executor::new("sh -c 'exit 7'").name("db").tcp("127.0.0.1:{port}"));
    let app = || Executor::new("sleep 60").name("app").needs("database", &DB);
    let error = app().start().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Exited);
    assert!(error.to_string().starts_with("app needs database: db: "), "{error}");
}

#[test]
fn processes_that_need_each_other_are_an_error_that_names_them() {
    static HEN: Shared = Shared::new(|| Executor::new("sleep 60").name("hen").needs("it", &EGG));
    static EGG: Shared = Shared::new(|| Executor::new("sleep 61").name("egg").needs("it", &HEN));
    fn chicken() -> Executor {
        Executor::new("sleep 62").name("chicken").needs("it", chicken)
    }
    for (shared, wanted) in [
        (&HEN, "`hen` needs `egg`, which needs `hen`"),
        (&EGG, "`egg` needs `hen`, which needs `egg`"),
    ] {
        let errors = [shared.lease().unwrap_err(), shared.exclusive().unwrap_err()];
        for error in errors {
            assert_eq!((error.kind(), error.to_string()), (ErrorKind::InvalidInput, wanted.into()));
        }
    }
    let threads = [&HEN, &EGG].map(|shared| thread::spawn(|| shared.lease().is_err()));
    assert!(threads.into_iter().all(|it| it.join().unwrap()), "they wait for each other");
    let error = chicken().start().unwrap_err();
    assert_eq!(error.to_string(), "`chicken` needs `chicken`");
}

#[test]
fn a_process_of_the_session_cannot_need_one_of_the_binary() {
    static DB: Shared = Shared::new(|| Executor::new("sleep 60").name("db"));
    static APP: Shared = Shared::new(|| Executor::new("sleep 60").name("app").needs("db", &DB))
        .scope(Scope::Session);
    let error = APP.lease().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains("scope `binary`"), "{error}");
}

#[test]
fn a_lease_of_what_is_needed_that_is_asked_for_too_late_is_an_error() {
    static DB: Shared = Shared::new(|| plain("late"));
    static APP: Shared = Shared::new(|| plain("late-app").needs("db", &DB));
    let _app = APP.lease().unwrap();
    assert_eq!(DB.exclusive().unwrap_err().kind(), ErrorKind::Lease);
}

#[test]
fn a_condition_at_a_process_that_is_not_needed_is_an_error() {
    static DB: Shared = Shared::new(|| plain("known"));
    let app = || Executor::new("sleep 60").name("app").needs("db", &DB);
    for executor in [
        app().tcp("127.0.0.1:{other.port}"),
        app().http("http://{other.addr}/"),
        Executor::new("sleep 60").name("app").udp("127.0.0.1:{other.port:x}"),
    ] {
        let error = executor.start().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(format!("{error:?}").contains("help: `needs` names a shared process"), "{error:?}");
    }
    assert!(app().tcp("127.0.0.1:{db.prot}").start().unwrap_err().to_string().contains("db.prot"));
}

#[test]
fn a_failed_start_says_which_text_is_the_value_of_no_process() {
    let failing = Executor::shell("exit 3").env("URL", "postgres://{db.addr}/");
    let error = format!("{:?}", failing.tcp("127.0.0.1:{port}").start().unwrap_err());
    assert!(error.contains("it was given the text `{db.addr}`"), "{error}");
    let other = Executor::shell("exit 3").arg("{http.request.uri} {self.name}");
    let error = format!("{:?}", other.tcp("127.0.0.1:{port}").start().unwrap_err());
    assert!(!error.contains("it was given"), "{error}");
}
