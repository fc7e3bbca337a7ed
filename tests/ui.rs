//! What the macros say about mistakes.

#[test]
fn each_mistake_gives_one_message_where_it_was_made() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("ui/*.rs");
    cases.pass("ui/pass/*.rs");
}
