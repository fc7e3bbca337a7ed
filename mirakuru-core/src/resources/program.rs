//! Looking for programs and folders, and what to say of those that are not there.
//!
//! Only a failure looks around for what may have been meant; it looks at so many names and no more.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::unistd::{AccessFlags, access};

use crate::command::Environment;
use crate::error::{Error, ErrorKind, Result};
use crate::syntax::suggest;

/// Where programs are looked for if there is no `PATH`.
const DEFAULT_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// Where distributions keep servers that are not for users to call. PostgreSQL's are besides.
const SERVER_FOLDERS: [&str; 3] = ["/usr/sbin", "/usr/local/sbin", "/sbin"];
const POSTGRES_FOLDER: &str = "/usr/lib/postgresql";

/// What looks like a program and is a word of the shell.
const SHELL_WORDS: [&str; 7] = [".", "cd", "exec", "export", "source", "ulimit", "umask"];

/// How many names are looked at for one that is near, in all folders together.
const NAMES_MAX: usize = 20_000;

/// In names shorter than this, one wrong letter makes another name, and no typing error.
const SHORTEST_NAME: usize = 3;

/// Finds the file of a program as `exec` would, and says what is wrong if it would not.
pub(crate) fn find(name: &OsStr, environment: &Environment, dir: &Path) -> Result<PathBuf> {
    if name.as_encoded_bytes().contains(&b'/') {
        // Without the `.` of `./program`.
        let path: PathBuf = dir.join(name).components().collect();
        return check(&path).map(|()| path);
    }
    let search = environment.get("PATH").unwrap_or_else(|| DEFAULT_PATH.into());
    let folders: Vec<_> = std::env::split_paths(&search).map(|folder| dir.join(folder)).collect();
    let candidates = folders.iter().map(|folder| folder.join(name));
    let found: Vec<_> = candidates.filter(|path| path.is_file()).collect();
    if let Some(path) = found.iter().find(|path| runs(path)) {
        return Ok(path.clone());
    }
    if let Some(path) = found.first() {
        check(path)?;
    }
    let shown = name.to_string_lossy();
    let what = format!("no program `{shown}` in PATH ({})", search.to_string_lossy());
    Err(Error::new(ErrorKind::NotFound, what).with_help(not_in_path(&shown, &folders)))
}

/// What may have been meant by a name that is not in PATH.
fn not_in_path(name: &str, folders: &[PathBuf]) -> String {
    if SHELL_WORDS.contains(&name) {
        return format!(
            "`{name}` is a word of the shell: use `Executor::shell`, or `shell = \"…\"`"
        );
    }
    if name.contains([' ', '\t']) {
        return "these are several words: give each word by itself, or all of them as one text"
            .to_owned();
    }
    if name.contains('=') {
        return "variables are set by `env`, or by a shell: `Executor::shell`".to_owned();
    }
    if bins_folder().is_some_and(|folder| runs(&folder.join(name))) {
        return format!("`{name}` is a binary of this workspace: write `{{bin:{name}}}`");
    }
    let others = other_folders(folders);
    let elsewhere = others.iter().map(|folder| folder.join(name)).find(|path| runs(path));
    if let Some(path) = elsewhere {
        let path = path.display();
        return format!(
            "`{path}` is there, but that folder is not in PATH: give the whole path, or add the \
             folder to PATH"
        );
    }
    if let Some(path) = near_in(folders, name, runs) {
        let near = file_name(&path);
        return match suggest::is_same_but_for_case(name, &near) {
            true => format!("`{near}` is there: upper and lower case are different names"),
            false => format!("did you mean `{near}`?"),
        };
    }
    match near_in(&others, name, runs) {
        Some(path) => format!("did you mean `{}`, which is not in PATH?", path.display()),
        None => "install it, or give the path of its file".to_owned(),
    }
}

/// Folders with programs that are not among those that were looked at.
fn other_folders(looked_at: &[PathBuf]) -> Vec<PathBuf> {
    let own_path = std::env::var_os("PATH").unwrap_or_default();
    let versions = fs::read_dir(POSTGRES_FOLDER).into_iter().flatten().flatten();
    let mut postgres: Vec<_> = versions.map(|version| version.path().join("bin")).collect();
    // The latest version first.
    postgres.sort();
    postgres.reverse();
    let own_path = std::env::split_paths(&own_path).chain(std::env::split_paths(DEFAULT_PATH));
    let others = SERVER_FOLDERS.map(PathBuf::from).into_iter().chain(postgres).chain(own_path);
    others.filter(|folder| !looked_at.contains(folder)).collect()
}

/// Where cargo puts the binaries of the package under test: beside the test binary.
pub(crate) fn bins_folder() -> Option<PathBuf> {
    let exe = std::env::current_exe().ok()?;
    let folder = exe.parent()?;
    let is_below = folder.file_name().is_some_and(|folder| folder == "deps");
    Some(if is_below { folder.parent()? } else { folder }.to_owned())
}

/// An error for a binary of the package under test that is not there.
pub(crate) fn no_bin<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Error {
    let what = format!("the package has no binary `{name}` that was built for this test");
    let folder = bins_folder();
    let beside = near_in(folder.as_slice(), name, runs);
    let near = suggest::name(name, known).map(str::to_owned).or_else(|| Some(file_name(&beside?)));
    Error::invalid(what).with_help(match near {
        Some(near) => format!("did you mean `{{bin:{near}}}`?"),
        None => "cargo builds the binaries of a package for its integration tests (the `tests` \
                 folder) only"
            .to_owned(),
    })
}

/// What is the nearest to `name` in these folders, among that which fits.
fn near_in(folders: &[PathBuf], name: &str, fits: impl Fn(&Path) -> bool) -> Option<PathBuf> {
    let entries = folders.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten();
    let near = entries.take(NAMES_MAX).flatten().filter_map(|entry| {
        let distance = suggest::distance(name, entry.file_name().to_str()?)?;
        let is_judged = distance == 0 || name.chars().count() >= SHORTEST_NAME;
        is_judged.then(|| (distance, entry.file_name(), entry.path()))
    });
    let mut near: Vec<_> = near.collect();
    near.sort();
    near.into_iter().map(|(_, _, path)| path).find(|path| fits(path))
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn check(path: &Path) -> Result<()> {
    let shown = path.display();
    if path.is_dir() {
        let what = format!("`{shown}` is a folder, not a program");
        return Err(Error::new(ErrorKind::PermissionDenied, what));
    }
    match access(path, AccessFlags::X_OK) {
        Ok(()) => Ok(()),
        Err(Errno::EACCES) => {
            let what = format!("`{shown}` must not be executed by this user");
            let error = Error::new(ErrorKind::PermissionDenied, what);
            Err(error.with_help(not_executable(path)))
        }
        Err(_) => {
            let error = Error::new(ErrorKind::NotFound, format!("there is no program `{shown}`"));
            Err(error.with_help(not_there(path, runs)))
        }
    }
}

/// Whether a file can be executed, for those who look around.
fn runs(path: &Path) -> bool {
    path.is_file() && access(path, AccessFlags::X_OK).is_ok()
}

fn not_executable(path: &Path) -> String {
    let shown = path.display();
    match fs::metadata(path) {
        Ok(meta) if meta.permissions().mode() & 0o111 == 0 => {
            format!("`chmod +x {shown}` makes it a program, if it is one")
        }
        Ok(_) => "its mode, or that of its file system (`noexec`), forbids it".to_owned(),
        Err(_) => "one of the folders above it must not be entered by this user".to_owned(),
    }
}

/// What may have been meant by a path where nothing is.
fn not_there(path: &Path, fits: impl Fn(&Path) -> bool) -> String {
    if let Ok(target) = fs::read_link(path) {
        return format!("it is a link to `{}`, which is not there", target.display());
    }
    let deepest = path.ancestors().skip(1).find(|folder| folder.is_dir()).unwrap_or(path);
    let missing = path.strip_prefix(deepest).ok().and_then(|rest| rest.components().next());
    let missing = missing.map(|name| name.as_os_str().to_string_lossy()).unwrap_or_default();
    let is_last = deepest.join(&*missing) == path;
    let near = near_in(&[deepest.to_owned()], &missing, |near| match is_last {
        true => fits(near),
        false => near.is_dir(),
    });
    match near {
        Some(near) => format!("did you mean `{}`?", near.display()),
        None => format!("`{}` is there, and has no `{missing}` in it", deepest.display()),
    }
}

/// The folder a process is started in must be there and be one.
pub(crate) fn check_folder(dir: &Path) -> Result<()> {
    let shown = dir.display();
    match fs::metadata(dir) {
        Ok(meta) if !meta.is_dir() => {
            Err(Error::new(ErrorKind::NotFound, format!("`{shown}` is not a folder")))
        }
        Ok(_) if access(dir, AccessFlags::X_OK).is_err() => Err(Error::new(
            ErrorKind::PermissionDenied,
            format!("the folder `{shown}` must not be entered by this user"),
        )),
        Ok(_) => Ok(()),
        Err(_) => {
            let error = Error::new(ErrorKind::NotFound, format!("there is no folder `{shown}`"));
            Err(error.with_help(not_there(dir, Path::is_dir)))
        }
    }
}

/// Says why a program that is there could not be run.
pub(crate) fn cannot_run(program: &Path, errno: i32) -> Error {
    let source = io::Error::from_raw_os_error(errno);
    let shown = program.display();
    let what = format!("`{shown}` cannot be run: {source}");
    match source.kind() {
        io::ErrorKind::NotFound => no_interpreter(program),
        io::ErrorKind::PermissionDenied => Error::new(ErrorKind::PermissionDenied, what),
        _ => Error::new(ErrorKind::Os, what),
    }
}

/// The program's file is there; what is missing is what runs it.
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

/// What the first line of a script asks for, without its arguments.
fn interpreter(program: &Path) -> Option<String> {
    let mut begin = Vec::new();
    File::open(program).ok()?.take(256).read_to_end(&mut begin).ok()?;
    let line = begin.split(|byte| *byte == b'\n').next()?.strip_prefix(b"#!")?;
    let line = String::from_utf8_lossy(line);
    let word = line.trim_matches([' ', '\t']).split([' ', '\t']).next()?;
    Some(word.escape_debug().to_string())
}
