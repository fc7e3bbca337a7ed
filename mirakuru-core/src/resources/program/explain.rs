//! Explaining why a program or directory cannot be used, and what may have been meant.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::locations::{binaries_dir, is_executable, other_dirs};
use super::packages;
use super::workspace::{self, Binary};
use crate::error::{Error, ErrorKind};
use crate::syntax::suggest;

/// Words of the shell that look like programs.
const SHELL_WORDS: [&str; 7] = [".", "cd", "exec", "export", "source", "ulimit", "umask"];

/// The number of names that are compared with a misspelt one, in all directories together.
const NAMES_MAX: usize = 20_000;

/// In names shorter than this, one wrong letter makes another name, not a typing error.
const SHORTEST_NAME: usize = 3;

/// How many characters a name has for each typing error that it may have.
const ERROR_PER: usize = 4;

/// Suggests what may have been meant by a name that is not in PATH.
pub(super) fn not_in_path(name: &str, searched: &[PathBuf]) -> String {
    if let Some(help) = not_a_program(name) {
        return help;
    }
    let is_built = binaries_dir().is_some_and(|dir| is_executable(&dir.join(name)));
    if is_built || workspace::binaries().iter().any(|binary| binary.name == name) {
        return format!("`{name}` is a binary of this workspace: write `{{bin:{name}}}`");
    }
    let others = other_dirs(searched);
    let elsewhere = others.iter().map(|dir| dir.join(name)).find(|path| is_executable(path));
    if let Some(path) = elsewhere {
        let path = path.display();
        return format!(
            "`{path}` is there, but that directory is not in PATH: give the whole path, or add the \
             directory to PATH"
        );
    }
    if let Some(help) = packages::how_to_install(name) {
        return help;
    }
    if let Some(path) = nearest_in(searched, name, is_executable) {
        let near = file_name(&path);
        return match suggest::is_same_but_for_case(name, &near) {
            true => format!("`{near}` is there: upper and lower case are different names"),
            false => format!("did you mean `{near}`?"),
        };
    }
    match nearest_in(&others, name, is_executable) {
        Some(path) => format!("did you mean `{}`, which is not in PATH?", path.display()),
        None => "install it, or give the path of its file".to_owned(),
    }
}

/// Says what a first word is that only a shell would understand.
fn not_a_program(name: &str) -> Option<String> {
    if SHELL_WORDS.contains(&name) {
        return Some(format!(
            "`{name}` is a word of the shell: use `Executor::shell`, or `shell = \"…\"`"
        ));
    }
    if name.contains([' ', '\t']) {
        let help = "these are several words: give each word by itself, or all of them as one text";
        return Some(help.to_owned());
    }
    let is_assignment = name.contains('=');
    is_assignment.then(|| {
        "variables are set by `env`, or by a shell: `Executor::shell`, or `shell = \"…\"`"
            .to_owned()
    })
}

/// Returns an error for a binary of the package under test that is missing.
pub(crate) fn no_such_binary<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Error {
    let what = format!("the package has no binary `{name}` that was built for this test");
    let all = workspace::binaries();
    if let Some(binary) = all.iter().find(|binary| binary.name == name) {
        return Error::invalid(what).with_help(how_to_build(binary));
    }
    let dir = binaries_dir();
    let beside = || nearest_in(dir.as_slice(), name, is_executable).map(|path| file_name(&path));
    let built = suggest::name(name, known).map(str::to_owned).or_else(beside);
    let near = built.or_else(|| {
        suggest::name(name, all.iter().map(|binary| binary.name.as_str())).map(str::to_owned)
    });
    Error::invalid(what).with_help(match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!(
            "cargo builds the binaries of a package for its integration tests (the `tests` directory) \
             only: if it is one of another package, run `cargo build --workspace --bin {name}` first"
        ),
    })
}

fn how_to_build(binary: &Binary) -> String {
    let Binary { name, package, is_own } = binary;
    let build = format!("run `cargo build -p {package} --bin {name}` first");
    match is_own {
        true => format!(
            "cargo builds it for the integration tests of its package (the `tests` directory), but not \
             for unit tests alone: {build}"
        ),
        false => format!("it is one of the package `{package}`: {build}"),
    }
}

/// Returns the path with the name nearest to `name` in these directories, among those that fit.
fn nearest_in(dirs: &[PathBuf], name: &str, fits: impl Fn(&Path) -> bool) -> Option<PathBuf> {
    let entries = dirs.iter().filter_map(|dir| fs::read_dir(dir).ok()).flatten();
    let near = entries.take(NAMES_MAX).flatten().filter_map(|entry| {
        let distance = suggest::distance(name, entry.file_name().to_str()?)?;
        let length = name.chars().count();
        // A machine has thousands of programs, and short names are near to each other.
        let is_near =
            distance == 0 || length >= SHORTEST_NAME && distance <= (length / ERROR_PER).max(1);
        is_near.then(|| (distance, entry.file_name(), entry.path()))
    });
    let mut near: Vec<_> = near.collect();
    near.sort();
    near.into_iter().map(|(_, _, path)| path).find(|path| fits(path))
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Says what keeps this user from executing a file.
pub(super) fn not_executable(path: &Path) -> String {
    let shown = path.display();
    match fs::metadata(path) {
        Ok(meta) if meta.permissions().mode() & 0o111 == 0 => {
            format!("`chmod +x {shown}` makes it a program, if it is one")
        }
        Ok(_) => "its mode, or that of its file system (`noexec`), forbids it".to_owned(),
        Err(_) => "one of the directories above it cannot be entered by this user".to_owned(),
    }
}

/// Suggests what may have been meant by a path that does not exist.
pub(super) fn not_there(path: &Path, fits: impl Fn(&Path) -> bool) -> String {
    if let Ok(target) = fs::read_link(path) {
        return format!("it is a link to `{}`, which is not there", target.display());
    }
    let deepest = path.ancestors().skip(1).find(|dir| dir.is_dir()).unwrap_or(path);
    let missing = path.strip_prefix(deepest).ok().and_then(|rest| rest.components().next());
    let missing = missing.map(|name| name.as_os_str().to_string_lossy()).unwrap_or_default();
    let is_last = deepest.join(&*missing) == path;
    let near = nearest_in(&[deepest.to_owned()], &missing, |near| match is_last {
        true => fits(near),
        false => near.is_dir(),
    });
    match near {
        Some(near) => format!("did you mean `{}`?", near.display()),
        None => format!("`{}` is there, and has no `{missing}` in it", deepest.display()),
    }
}

/// Returns an error for a program that exists but could not be executed.
pub(crate) fn cannot_run(program: &Path, errno: i32) -> Error {
    let source = io::Error::from_raw_os_error(errno);
    let shown = program.display();
    let what = format!("`{shown}` cannot be run: {source}");
    match source.kind() {
        // It was there before the first start.
        io::ErrorKind::NotFound if matches!(program.try_exists(), Ok(false)) => {
            let what = format!("there is no program `{shown}` any more");
            Error::new(ErrorKind::NotFound, what).with_help(not_there(program, is_executable))
        }
        io::ErrorKind::NotFound => no_interpreter(program),
        io::ErrorKind::PermissionDenied => Error::new(ErrorKind::PermissionDenied, what),
        _ => Error::new(ErrorKind::Os, what),
    }
}

/// Returns an error for a program whose interpreter or loader is missing.
///
/// The kernel reports that as "not found" too, although the program's own file is there.
fn no_interpreter(program: &Path) -> Error {
    let shown = program.display();
    let Some(interpreter) = interpreter(program) else {
        let what = format!("`{shown}` cannot be run: its interpreter, the loader, is missing");
        let help = "it was built for another machine or C library";
        return Error::new(ErrorKind::NotFound, what).with_help(help);
    };
    let what = format!("`{shown}` cannot be run: its interpreter `{interpreter}` is missing");
    let help = match interpreter.strip_suffix("\\r") {
        Some(_) => "its first line ends as lines do on Windows: take the `\\r` out".to_owned(),
        None => format!("install it, or correct the script's first line, `#!{interpreter}`"),
    };
    Error::new(ErrorKind::NotFound, what).with_help(help)
}

/// Returns the interpreter that the first line of a script names, without its arguments.
fn interpreter(program: &Path) -> Option<String> {
    let mut begin = Vec::new();
    File::open(program).ok()?.take(256).read_to_end(&mut begin).ok()?;
    let line = begin.split(|byte| *byte == b'\n').next()?.strip_prefix(b"#!")?;
    let line = String::from_utf8_lossy(line);
    let word = line.trim_matches([' ', '\t']).split([' ', '\t']).next()?;
    Some(word.escape_debug().to_string())
}
