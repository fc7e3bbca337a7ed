//! What members may name of each other.

use std::panic::{AssertUnwindSafe, catch_unwind};

use mirakuru_core::{Banner, ErrorKind, Executor, Process, Shared, Stack};
use mirakuru_tests::bin;

use crate::{fails, start, with_text};

fn text_of(process: &Process) -> String {
    let environment = std::fs::read(format!("/proc/{}/environ", process.pid())).unwrap();
    let environment = String::from_utf8(environment).unwrap();
    let text = environment.split('\0').find_map(|variable| variable.strip_prefix("TEXT="));
    text.unwrap().to_owned()
}

fn server() -> Executor {
    Executor::new([bin!("mk-http-server"), "{port}"]).env("DIR", "{dir} {port:admin}")
}

#[test]
fn a_member_knows_ports_directory_address_url_and_what_another_has_printed() {
    let prints = Executor::shell("echo the key is x{}; sleep 300").output("key is (?<key>\\S+)$");
    let text =
        "{web.port} {web.port:admin} {web.udp:admin} {web.dir} {web.addr} {web.url} {other.key}";
    let stack = Stack::new()
        .add("user", with_text(text))
        .add("web", server().http("http://127.0.0.1:{port}/"))
        .add("other", prints);
    let stack = start(&stack);
    let web = &stack["web"];
    let (port, admin, dir) = (web.port(), web.port_named("admin"), web.dir().display());
    let expected = format!("{port} {admin} {admin} {dir} {} {} x{{}}", web.addr(), web.url());
    assert_eq!(text_of(&stack["user"]), expected);
    assert_eq!(stack["user"].render("{web.port}").unwrap(), port.to_string());
}

#[test]
fn a_member_is_named_in_arguments_files_commands_conditions_and_by_itself() {
    let user = Executor::new([bin!("mk-http-server"), "{port}"])
        .file("{dir}/file", "{web.port}")
        .before_start(["sh", "-c", "test $(cat {dir}/file) = {web.port}"])
        .after_ready(["sh", "-c", "test $(cat {user.dir}/file) = {web.port}"])
        .http("http://127.0.0.1:{user.port}/");
    let web = server().tcp("127.0.0.1:{port}");
    let stack = start(&Stack::new().add("user", user).add("web", web));
    assert_eq!(stack["user"].addr().port(), stack["user"].port());
}

#[test]
fn a_member_may_need_a_process_that_is_shared_with_tests() {
    static SHARED: Shared = Shared::new(|| server().http("http://127.0.0.1:{port}/"));
    let text = "{shared.url} {web.port}";
    let stack = Stack::new().add("web", server());
    let stack = stack.add("user", with_text(text).needs("shared", &SHARED));
    let stack = start(&stack);
    let shared = SHARED.lease().unwrap();
    let expected = format!("{} {}", shared.url(), stack["web"].port());
    assert_eq!(text_of(&stack["user"]), expected);
    assert_eq!(SHARED.lease_count(), 2);
    drop(stack);
    assert_eq!(SHARED.lease_count(), 1);
}

#[test]
fn names_that_are_no_members_are_literal_and_so_are_doubled_braces() {
    let text = "{http.request.uri} {web.x y} ${web.port} {{web.port}}";
    let stack = start(&Stack::new().add("user", with_text(text)).add("web", with_text("")));
    assert_eq!(text_of(&stack["user"]), "{http.request.uri} {web.x y} ${web.port} {web.port}");
}

#[test]
fn what_a_member_does_not_have_is_an_error_before_anything_starts() {
    for (text, expected) in [
        ("{web.prot}", "did you mean `{web.port}`?"),
        ("{web.port:admni}", "did you mean `{web.port:admin}`?"),
        (
            "{web.secret}",
            "known are `{web.port}`, `{web.port:admin}`, `{web.addr}` and `{web.dir}`;",
        ),
        ("{none.secret}", "known are `{none.addr}`;"),
        ("{wbe.port}", "did you mean `{web.port}`?"),
        ("{wbe.port}", "there is no `wbe` for `{wbe.port}` in the environment variable `TEXT`"),
        ("{none.dir}", "`none` has no placeholder for `{none.dir}`"),
    ] {
        let stack = Stack::new().add("user", with_text(text)).add("web", server());
        let stack = stack.add("none", with_text("")).add("late", Executor::new("no-such-program"));
        let error = format!("{:?}", fails(&stack, ErrorKind::InvalidInput));
        assert!(error.contains("user: ") && error.contains(expected), "{error}");
    }
}

#[test]
fn an_address_that_a_member_never_has_is_an_error() {
    let user = with_text("{web.url}");
    let stack = Stack::new().add("user", user).add("web", server().tcp("127.0.0.1:{port}"));
    let error = format!("{:?}", fails(&stack, ErrorKind::InvalidInput));
    assert!(error.contains("`web` has no placeholder for `{web.url}`"), "{error}");
}

#[test]
fn a_template_cannot_name_a_member() {
    let user = Executor::new("sleep 300").template("touch {dir}/{web.port}");
    let stack = Stack::new().add("user", user).add("web", server());
    let error = format!("{:?}", fails(&stack, ErrorKind::InvalidInput));
    assert!(error.contains("`{web.port}` of `template` is of another process"), "{error}");
}

#[test]
fn names_of_members_are_checked() {
    let two = |one: &str, two: &str| Stack::new().add(one, with_text("")).add(two, with_text(""));
    for (stack, expected) in [
        (Stack::new(), "the stack has no members"),
        (two("db", "db"), "two processes have the name `db`"),
        (two("db", "a b"), "`a b` cannot be the name of a process"),
        (two("db", ""), "`` cannot be the name of a process"),
        (two("db", "app").needs("app", "bd"), "did you mean `db`?"),
        (two("db", "app").needs("redis", "db"), "it has `db` and `app`"),
        (two("db", "app").together(["db", "redis"]), "no member `redis`"),
    ] {
        let error = format!("{:?}", fails(&stack, ErrorKind::InvalidInput));
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_process_is_found_by_its_name_and_an_unknown_name_panics_with_the_nearest() {
    let stack = Stack::new().add("web", with_text("")).add("db", with_text("").name("own"));
    let mut stack = start(&stack);
    assert_eq!(stack["db"].name(), "db");
    stack["db"].restart().unwrap();
    assert!(stack.get("redis").is_none() && stack.get_mut("web").is_some());
    let panicked = catch_unwind(AssertUnwindSafe(|| stack["wbe"].pid())).unwrap_err();
    let message = panicked.downcast_ref::<String>().unwrap();
    assert_eq!(message, "the stack has no `wbe`; did you mean `web`?");
}

#[test]
fn a_line_of_output_may_be_waited_for_beside_names() {
    // A pattern has braces of its own.
    let user = Executor::shell("echo aaa {web.port}; sleep 300").output(Banner::new("a{3} \\d+"));
    drop(start(&Stack::new().add("user", user).add("web", server())));
}
