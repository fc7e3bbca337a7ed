//! What a start needs of the machine: a directory for temporary files, processes, descriptors.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use expect_test::expect;
use mirakuru_core::Executor;
use mirakuru_tests::test_process::{ROLE, playing, printed, role, say};
use mirakuru_tests::{as_other_user, bin, scratch_dir};

use crate::normal::{SHORT, normal};

/// Plays a test in another environment.
#[test]
fn plays_a_test() {
    let Some(role) = role() else { return };
    let executor = match role.as_str() {
        "notifies" => Executor::new("sleep 60").notify().timeout(SHORT),
        "has a directory" => Executor::shell("echo {dir}; exec sleep 60").current_dir("/"),
        "leaves a read-only directory" => {
            let script =
                "mkdir {dir}/a; echo > {dir}/a/b; chmod 555 {dir}/a; echo ready; exec sleep 60";
            Executor::shell(script).output("ready")
        }
        _ => Executor::new("sleep 60"),
    };
    match executor.name("server").start() {
        Ok(server) => {
            let dir = server.render("{dir}").unwrap();
            say(format!("has {dir}"));
            drop(server);
            say(if Path::new(&dir).exists() { "its directory is left" } else { "removed" });
        }
        Err(error) => say(format!("{error:?}\nend of the report")),
    }
}

/// Returns what a role prints with this directory for temporary files.
fn with_tmpdir(role: &str, temp: &Path, words: &[&str]) -> String {
    let test = playing("temp_dir::plays_a_test", role);
    let program = test.get_program().to_string_lossy().into_owned();
    let words: Vec<_> = words.iter().copied().chain([program.as_str()]).collect();
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).args(test.get_args()).env(ROLE, role).env("TMPDIR", temp);
    printed(&command.output().unwrap())
}

/// Returns the report in what a role prints.
fn report(printed: &str) -> String {
    let lines = printed.lines().skip_while(|line| !line.starts_with("server: "));
    let report = lines.take_while(|line| *line != "end of the report");
    normal(&report.map(|line| format!("{line}\n")).collect::<String>())
}

#[test]
fn a_missing_directory_is_named_with_the_reason_for_it() {
    let printed = with_tmpdir("notifies", Path::new("/nonexistent"), &[]);
    expect![[r#"
        server: the directory `/nonexistent` cannot have temporary files: No such file or directory (os error 2)
          help: TMPDIR names it; set TMPDIR to the short path of a directory that this user can write to
    "#]].assert_eq(&report(&printed));
}

#[test]
fn a_directory_that_this_user_cannot_write_to_is_named() {
    let Some(other_user) = as_other_user(bin!("mk-cat")) else { return };
    let dir = scratch_dir();
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o755)).unwrap();
    let printed = with_tmpdir("has a directory", &dir, other_user);
    assert!(printed.contains("Permission denied"), "{printed}");
    assert!(printed.contains(&dir.display().to_string()), "{printed}");
    assert!(printed.contains("TMPDIR names it"), "{printed}");
}

/// Returns what a role prints with a file system of its own for temporary files, mounted at `dir`.
/// Returns none if this user cannot mount one.
fn with_mounted_tmpdir(role: &str, dir: &Path, options: &str) -> Option<String> {
    let script = format!("mount -t tmpfs -o {options} tmpfs '{}' && exec \"$@\"", dir.display());
    let mounted = ["unshare", "-m", "sh", "-c", &script, "sh"];
    let can_mount = Command::new(mounted[0]).args(&mounted[1..]).arg("true").output();
    if !can_mount.is_ok_and(|output| output.status.success()) {
        println!("skipped: this user cannot mount a file system");
        return None;
    }
    Some(with_tmpdir(role, dir, &mounted))
}

#[test]
fn a_read_only_file_system_is_named_with_the_reason_for_it() {
    let dir = scratch_dir();
    for role in ["has a directory", "notifies"] {
        let Some(printed) = with_mounted_tmpdir(role, &dir, "ro") else { return };
        let what = format!("the directory `{}` cannot have temporary files", dir.display());
        assert!(printed.contains(&format!("{what}: Read-only file system")), "{printed}");
        assert!(printed.contains("help: TMPDIR names it; "), "{printed}");
    }
}

#[test]
fn a_socket_that_cannot_be_made_is_named() {
    let dir = scratch_dir();
    // The directory itself is the one file that there may be.
    let Some(printed) = with_mounted_tmpdir("notifies", &dir, "nr_inodes=1") else { return };
    let socket = format!("server: the socket `{}/mirakuru-", dir.display());
    let why = "` for `sd_notify` cannot be made: No space left on device (os error 28)\n";
    assert!(printed.contains(&socket) && printed.contains(why), "{printed}");
    assert!(!printed.contains("interpreter"), "{printed}");
}

#[test]
fn only_sockets_leave_a_directory_with_a_long_path() {
    let dir = scratch_dir();
    let long = dir.join("a".repeat(100));
    fs::create_dir(&long).unwrap();
    let has_directory = with_tmpdir("has a directory", &long, &[]);
    assert!(has_directory.contains(&format!("has {}", long.display())), "{has_directory}");
    assert!(has_directory.contains("removed"), "{has_directory}");
    let notifies = report(&with_tmpdir("notifies", &long, &[]));
    assert!(notifies.starts_with("server: not ready"), "{notifies}");
}

#[test]
fn a_relative_directory_is_that_of_the_test_process() {
    let dir = scratch_dir();
    let words = ["env", "-C", dir.to_str().unwrap()];
    let printed = with_tmpdir("has a directory", Path::new("."), &words);
    assert!(printed.contains(&format!("has {}", dir.display())), "{printed}");
    assert!(printed.contains("removed"), "{printed}");
}

#[test]
fn a_directory_of_a_process_is_removed_with_read_only_ones_in_it() {
    let Some(other_user) = as_other_user(bin!("mk-cat")) else { return };
    let dir = scratch_dir();
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o1777)).unwrap();
    let printed = with_tmpdir("leaves a read-only directory", &dir, other_user);
    assert!(printed.contains("removed"), "{printed}");
}

#[test]
fn a_limit_of_processes_is_named() {
    let Some(other_user) = as_other_user(bin!("mk-cat")) else { return };
    let words = [other_user, &["prlimit", "--nproc=1:1"]].concat();
    let printed = with_tmpdir("runs", &std::env::temp_dir(), &words);
    expect![[r#"
        server: the supervisor cannot be started: Resource temporarily unavailable (os error 11)
          help: this user, or this container, has as many processes as it may: raise `ulimit -u` or `pids.max`, or run fewer tests at a time
    "#]].assert_eq(&report(&printed));
}

#[test]
fn a_supervisor_that_cannot_begin_says_why() {
    let printed = with_tmpdir("runs", &std::env::temp_dir(), &["prlimit", "--nofile=19:19"]);
    expect![[r#"
        server: its supervisor could not begin
          command: sleep 60
          process: not started
          output (LOG):
            mirakuru: the supervisor cannot begin: Invalid argument (os error 22)
          help: its output says why; it needs `/dev/null` and 64 file descriptors
    "#]]
    .assert_eq(&report(&printed));
}
