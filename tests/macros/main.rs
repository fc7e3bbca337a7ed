//! The attributes: what they generate, and the compiler errors of mistakes.

#![allow(clippy::unwrap_used, reason = "a helper of a test panics as the test would")]

mod attribute;
mod compiles;
mod fixtures;
mod needs;
mod stops;

#[test]
fn each_mistake_gives_one_message_where_it_was_made() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("macros/fail/*.rs");
}
