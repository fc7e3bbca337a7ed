//! Standard input, and programs that are given by a path.

use std::fs::{self, File};
use std::io::Read;
use std::time::Duration;

use mirakuru_rstest::{Executor, Stdin};
use mirakuru_tests::{bin, scratch_dir};

const LONG: Duration = Duration::from_secs(20);

/// Starts `cat` with this input and returns its output.
#[track_caller]
fn printed(stdin: impl Into<Stdin>) -> String {
    let mut process = Executor::new("cat").stdin(stdin).start().unwrap();
    process.wait_timeout(LONG).unwrap();
    process.log().read().unwrap()
}

#[test]
fn bytes_are_read_from_slices_and_arrays() {
    assert_eq!(printed(&b"slice"[..]), "slice");
    assert_eq!(printed(*b"array"), "array");
    assert_eq!(printed(b"a reference"), "a reference");
    assert_eq!(printed(b"a\0b".to_vec()), "a\0b");
}

#[test]
fn an_open_file_is_read_from_its_beginning_at_each_start() {
    let dir = scratch_dir();
    fs::write(dir.join("input"), "0123456789\n").unwrap();
    let mut file = File::open(dir.join("input")).unwrap();
    file.read_exact(&mut [0; 5]).unwrap();
    fs::remove_file(dir.join("input")).unwrap();
    let position = file.try_clone().unwrap();

    let executor = Executor::new("cat").stdin(file);
    let mut process = executor.start().unwrap();
    process.wait_timeout(LONG).unwrap();
    process.restart().unwrap();
    process.wait_timeout(LONG).unwrap();
    assert_eq!(process.log().read().unwrap(), "0123456789\n0123456789\n");

    let mut second = executor.clone().start().unwrap();
    second.wait_timeout(LONG).unwrap();
    assert_eq!(second.log().read().unwrap(), "0123456789\n");
    #[cfg(target_os = "linux")]
    assert_eq!(
        std::io::Seek::stream_position(&mut &position).unwrap(),
        5,
        "the test's own place has moved"
    );
    drop(position);
}

#[test]
fn a_pipe_is_read_from_where_it_stands() {
    let (read, write) = nix::unistd::pipe().unwrap();
    nix::unistd::write(&write, b"through a pipe").unwrap();
    drop(write);
    assert_eq!(printed(File::from(read)), "through a pipe");
}

#[test]
fn a_program_that_is_given_by_its_path_is_not_split() {
    let dir = scratch_dir();
    let program = dir.join("a program's name");
    fs::copy(bin!("mk-cat"), &program).unwrap();
    for executor in [
        Executor::new(program.as_path()),
        Executor::new(&program),
        Executor::new(program.clone()),
        Executor::new(program.as_os_str()),
        Executor::new(program.clone().into_os_string()),
    ] {
        let mut process = executor.stdin("hello").start().unwrap();
        assert_eq!(process.name(), "a program's name");
        process.wait_timeout(LONG).unwrap();
        assert_eq!(process.log().read().unwrap(), "hello");
    }
}
