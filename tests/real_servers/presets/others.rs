//! What is claimed of all presets.

use mirakuru_tests::as_other_user;
use mirakuru_tests::test_process::{printed, printing, run_by};

use super::PRESETS;

#[test]
fn a_preset_has_the_same_key_each_time() {
    for preset in PRESETS {
        assert_eq!(format!("{:?}", (preset.server)()), format!("{:?}", (preset.server)()));
    }
}

#[test]
fn presets_run_as_another_user_too() {
    let tests = ["redis", "postgres", "nginx"].map(|name| format!("presets::{name}"));
    let mut run = printing(&tests[0]);
    run.args(&tests[1..]).arg("--exact").env("TMPDIR", "/tmp");
    let Some(words) = as_other_user(&run.get_program().to_string_lossy()) else { return };
    let output = run_by(words, &run).output().expect("it runs");
    let printed = printed(&output);
    assert!(output.status.success() && printed.contains("3 passed"), "{printed}");
}
