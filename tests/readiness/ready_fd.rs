//! `ready_fd`: a line on a descriptor.

use mirakuru_rstest::{ErrorKind, Executor};
use mirakuru_tests::starting::{LONG, SHORT, StartSoon, fails, reports, restart_when_ready};
use rstest::rstest;

#[rstest]
fn a_line_on_the_descriptor_means_ready(#[values(3, 4, 9)] number: i32) {
    let script = format!("sleep 0.05; : > $READY_MARK; echo up >&{number}; exec sleep 300");
    let mut process = Executor::shell(script).ready_fd(number).timeout(LONG).start_when_ready();
    restart_when_ready(&mut process);
}

#[test]
fn what_is_written_after_the_line_neither_ends_the_server_nor_holds_it_up() {
    // More than the capacity of a pipe.
    let script = "sleep 0.05; : > $READY_MARK; echo up >&3; until [ -e {dir}/go ]; do sleep 0.01; done; \
                  head -c 300000 /dev/zero >&3 && echo sent all; exec sleep 300";
    let process = Executor::shell(script).ready_fd(3).timeout(LONG).start_when_ready();
    std::fs::write(process.dir().join("go"), "").unwrap();
    process.log().wait_for("sent all", LONG).unwrap();
}

#[test]
fn half_a_line_is_not_ready() {
    let script = "printf up >&3; exec sleep 300";
    let error = fails(&Executor::shell(script).ready_fd(3).timeout(SHORT), ErrorKind::Timeout);
    reports(&error, &["a line on descriptor 3"]);
}

#[test]
fn a_descriptor_that_is_closed_without_a_line_is_an_error() {
    let script = "exec 3>&-; exec sleep 300";
    let error = fails(&Executor::shell(script).ready_fd(3).timeout(LONG), ErrorKind::Failed);
    reports(&error, &["closed descriptor 3 without a line"]);
}

#[test]
fn an_exit_of_the_process_is_reported_as_such() {
    let error = fails(&Executor::shell("exit 7").ready_fd(3).timeout(LONG), ErrorKind::Exited);
    assert_eq!(error.exit().unwrap().code(), Some(7));
}

#[test]
fn a_program_that_cannot_be_run_is_reported_although_it_is_passed_a_descriptor() {
    let directory = mirakuru_tests::scratch_dir();
    let script = directory.join("script");
    std::fs::write(&script, "#!/nonsuch/interpreter\n").unwrap();
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    for number in 3..20 {
        let executor = Executor::new([&script]).ready_fd(number).timeout(LONG);
        fails(&executor, ErrorKind::NotFound);
    }
}
