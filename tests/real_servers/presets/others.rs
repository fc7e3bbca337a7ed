//! What is claimed of all presets.

use mirakuru_rstest::servers;
use mirakuru_tests::test_process::{playing, printed, printing, role, run_by};
use mirakuru_tests::{as_other_user, need, scratch_dir, this_test};

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

#[test]
fn a_server_of_another_user_needs_no_directory_but_its_own() {
    if role().is_some() {
        return drop(servers::mariadb().start().unwrap());
    }
    if need("mariadbd").is_some() {
        // If the tests run as root, the server cannot write to this directory.
        let temp = scratch_dir();
        let mut run = playing(this_test!(), "starts");
        let output = run.env("TMPDIR", &*temp).env("MIRAKURU_TEMPLATES", "off").output().unwrap();
        assert!(output.status.success(), "{}", printed(&output));
    }
}
