//! What a supervisor carries out: the command of the server, its files and its user. Data only.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Read;
use std::iter;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use super::settings::Settings;
use crate::sys::Account;

/// The number of bytes before a launch or a job, which say how long it is.
pub(crate) const HEAD_LEN: usize = 8;

/// All that a supervisor begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Launch {
    pub(crate) settings: Settings,
    /// The environment of the server, and of what sets it up.
    pub(crate) environment: Vec<(OsString, OsString)>,
    pub(crate) job: Job,
    /// How many of the descriptors that come with it are only kept open.
    pub(crate) kept_fds: usize,
}

impl Launch {
    /// Encodes the launch: its length, then its parts, each after its own length.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        put(&mut bytes, &self.settings.to_bytes());
        let words = self.environment.iter().flat_map(|(name, value)| [name, value]);
        put_words(&mut bytes, words);
        put(&mut bytes, &self.job.to_bytes()[HEAD_LEN..]);
        put_len(&mut bytes, self.kept_fds);
        with_head(&bytes)
    }

    /// Decodes a launch, without its head. Returns `None` for what `to_bytes` does not return.
    pub(crate) fn from_bytes(mut bytes: &[u8]) -> Option<Self> {
        let bytes = &mut bytes;
        let settings = Settings::from_bytes(take(bytes)?)?;
        let mut words = take_words(bytes)?.into_iter();
        let variables = iter::from_fn(|| Some((words.next()?, words.next()?)));
        let environment = variables.collect();
        let job = Job::from_bytes(take(bytes)?)?;
        let kept_fds = take_len(bytes)?;
        bytes.is_empty().then_some(Self { settings, environment, job, kept_fds })
    }
}

/// The command and the files of a server. A step that sets it up is a job of its own, without files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Job {
    /// The path of a program, its `argv[0]`, and its arguments.
    pub(crate) command: Vec<OsString>,
    /// The files that are written before it starts.
    pub(crate) files: Vec<(PathBuf, Vec<u8>)>,
    /// The user that the command runs as, if it is another one.
    pub(crate) account: Option<Account>,
    /// What the command makes outside of the server's directory. If it is still there at the end of the
    /// supervisor, it is removed.
    pub(crate) draft: Option<PathBuf>,
}

impl Job {
    /// Returns the job of a command alone. `words` are its `argv[0]` and its arguments.
    pub(crate) fn new(program: &Path, words: &[OsString], account: Option<&Account>) -> Self {
        let command = [&[program.as_os_str().to_owned()], words].concat();
        Self { command, account: account.cloned(), ..Self::default() }
    }

    /// Encodes the job: its length, then its parts, each after its own length.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let Self { command, files, account, draft } = self;
        let mut bytes = Vec::new();
        put_words(&mut bytes, command.iter());
        put_len(&mut bytes, files.len());
        for (path, content) in files {
            put(&mut bytes, path.as_os_str().as_bytes());
            put(&mut bytes, content);
        }
        put(&mut bytes, draft.as_ref().map_or(&[][..], |path| path.as_os_str().as_bytes()));
        let account = account.as_ref().map(|it| [&[it.user, it.group], &it.groups[..]].concat());
        let numbers = account.unwrap_or_default();
        put(&mut bytes, &numbers.into_iter().flat_map(u32::to_ne_bytes).collect::<Vec<_>>());
        with_head(&bytes)
    }

    /// Reads a job from a file.
    pub(crate) fn read(mut file: File) -> Option<Self> {
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).ok()?;
        Self::from_bytes(bytes.get(HEAD_LEN..)?)
    }

    /// Decodes a job. Returns `None` for what `to_bytes` does not return.
    pub(crate) fn from_bytes(mut bytes: &[u8]) -> Option<Self> {
        let bytes = &mut bytes;
        let command = take_words(bytes)?;
        let file = |bytes: &mut &[u8]| {
            Some((OsStr::from_bytes(take(bytes)?).into(), take(bytes)?.to_vec()))
        };
        let files = (0..take_len(bytes)?).map(|_| file(bytes)).collect::<Option<_>>()?;
        let draft = Some(take(bytes)?).filter(|path| !path.is_empty());
        let draft = draft.map(|path| OsStr::from_bytes(path).into());
        let numbers = take(bytes)?.chunks_exact(4);
        let numbers = numbers.map(|number| Some(u32::from_ne_bytes(number.try_into().ok()?)));
        let account = match *numbers.collect::<Option<Vec<_>>>()? {
            [user, group, ref groups @ ..] => {
                Some(Account { user, group, groups: groups.to_vec() })
            }
            _ => None,
        };
        bytes.is_empty().then_some(Self { command, files, account, draft })
    }
}

fn put_len(bytes: &mut Vec<u8>, length: usize) {
    bytes.extend((length as u64).to_ne_bytes());
}

fn put(bytes: &mut Vec<u8>, part: &[u8]) {
    put_len(bytes, part.len());
    bytes.extend(part);
}

fn put_words<'a>(bytes: &mut Vec<u8>, words: impl Iterator<Item = &'a OsString> + Clone) {
    put_len(bytes, words.clone().count());
    words.for_each(|word| put(bytes, word.as_bytes()));
}

fn with_head(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u64).to_ne_bytes()[..], bytes].concat()
}

/// Returns the number of bytes that follow a head.
pub(crate) fn length(head: [u8; HEAD_LEN]) -> usize {
    u64::from_ne_bytes(head) as usize
}

fn take_len(bytes: &mut &[u8]) -> Option<usize> {
    let (head, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    usize::try_from(u64::from_ne_bytes(*head)).ok()
}

fn take<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = take_len(bytes)?;
    let (part, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(part)
}

fn take_words(bytes: &mut &[u8]) -> Option<Vec<OsString>> {
    let words = take_len(bytes)?;
    (0..words).map(|_| Some(OsString::from_vec(take(bytes)?.to_vec()))).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn every_job_survives_the_wire() {
        let words = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
        let full = Job {
            command: words(&["/bin/a b", "", "ü\n"]),
            files: vec![("/tmp/a".into(), b"\0\xff".to_vec()), ("/tmp/b".into(), Vec::new())],
            account: Some(Account { user: 33, group: u32::MAX, groups: vec![33, 4] }),
            draft: Some("/tmp/c".into()),
        };
        for job in [full, Job::default()] {
            let bytes = job.to_bytes();
            let (head, rest) = bytes.split_first_chunk().unwrap();
            assert_eq!(length(*head), rest.len());
            assert_eq!(Job::from_bytes(rest), Some(job));
        }
    }

    #[test]
    fn a_launch_survives_the_wire() {
        let launch = Launch {
            settings: Settings {
                stop_signal: 2,
                kill_signal: 9,
                stop_timeout: Duration::from_secs(1),
                notify_socket: None,
                ready_fd: None,
                dir: None,
                current_dir: None,
                log_lengths: [0, 7],
            },
            environment: vec![("NAME".into(), "a value".into()), ("EMPTY".into(), "".into())],
            job: Job { command: vec!["/bin/true".into()], ..Job::default() },
            kept_fds: 5,
        };
        let bytes = launch.to_bytes();
        let (head, rest) = bytes.split_first_chunk().unwrap();
        assert_eq!(length(*head), rest.len());
        assert_eq!(Launch::from_bytes(rest), Some(launch));
        assert_eq!(Launch::from_bytes(&rest[..rest.len() - 1]), None);
    }

    #[test]
    fn what_is_no_job_is_refused() {
        let bytes = Job { command: vec!["/bin/true".into()], ..Job::default() }.to_bytes();
        let (_, rest) = bytes.split_first_chunk::<HEAD_LEN>().unwrap();
        for length in 0..rest.len() {
            assert_eq!(Job::from_bytes(&rest[..length]), None, "{length}");
        }
        assert_eq!(Job::from_bytes(&[rest, b"x"].concat()), None);
    }
}
