//! The file by which a process attaches to a server that another one started.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::{Error, Result};
use crate::output::LogFiles;
use crate::readiness::Endpoint;
use crate::resources::temp_path::TempPath;
use crate::supervisor::{ENDED, SupervisorInfo};
use crate::sys;

/// Everything that another process needs to use a server that is ready.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ServerManifest {
    /// The identity of the executor.
    pub(crate) key: String,
    pub(crate) supervisor: SupervisorInfo,
    /// The program, which the search path of another process may not have.
    pub(crate) program: PathBuf,
    pub(crate) ports: BTreeMap<String, u16>,
    pub(crate) dir: Option<PathBuf>,
    /// The binaries, which another process may not find.
    pub(crate) bins: BTreeMap<String, PathBuf>,
    pub(crate) endpoint: Endpoint,
    /// The values of placeholders that the process itself has chosen.
    pub(crate) captured: BTreeMap<String, String>,
    pub(crate) files: LogFiles,
}

impl ServerManifest {
    /// Writes the manifest to a file that other processes see whole or not at all.
    pub(super) fn publish(&self, path: &Path) -> Result<()> {
        let written = sys::write_atomically(path, &self.to_text());
        written.map_err(|e| Error::os(format!("`{}` cannot be written", path.display()), e))
    }

    /// Reads a manifest again, unless it is gone or damaged.
    pub(crate) fn reload(path: &Path) -> Option<Self> {
        Self::from_text(&fs::read_to_string(path).ok()?)
    }

    /// Sweeps what all manifests in a directory name. Returns false if a supervisor of them lives.
    pub(crate) fn sweep_all(directory: &Path) -> bool {
        let swept: Vec<_> = files_in(directory).map(|path| Self::sweep(&path)).collect();
        swept.into_iter().all(|is_swept| is_swept)
    }

    /// Sweeps what the manifests of servers name that are no longer shared.
    pub(crate) fn sweep_ended(directory: &Path) {
        for path in files_in(directory).filter(|path| path.extension() == Some(ENDED.as_ref())) {
            Self::sweep(&path);
        }
    }

    /// Removes what a server has left whose supervisor was killed, and its manifest. Returns false if
    /// the supervisor lives.
    pub(crate) fn sweep(path: &Path) -> bool {
        let Some(Self { supervisor, dir, .. }) = Self::reload(path) else { return true };
        if !supervisor.sweep() {
            return false;
        }
        dir.into_iter().map(TempPath::unowned).for_each(|dir| dir.remove());
        let _ = fs::remove_file(path); // Its directory may be gone.
        true
    }

    /// Returns one line for each fact: a word, a tab, the value.
    fn to_text(&self) -> String {
        let Self { key, supervisor, endpoint, .. } = self;
        let path = |path: &PathBuf| path.to_string_lossy().into_owned();
        let mut facts = vec![
            ("key", key.clone()),
            ("supervisor", supervisor.pid.to_string()),
            ("started", supervisor.started.to_string()),
            ("mark", supervisor.mark.clone()),
            ("name", supervisor.name.clone()),
            ("stop_timeout", supervisor.stop_timeout.as_micros().to_string()),
            ("program", path(&self.program)),
            ("stdout", path(&self.files.stdout)),
        ];
        facts.extend(self.files.stderr.as_ref().map(|stderr| ("stderr", path(stderr))));
        facts.extend(self.dir.as_ref().map(|dir| ("dir", path(dir))));
        facts.extend(endpoint.addr.map(|addr| ("addr", addr.to_string())));
        facts.extend(endpoint.url.clone().map(|url| ("url", url)));
        let captured = self.captured.iter();
        facts.extend(captured.map(|(name, value)| ("captured", format!("{name} {value}"))));
        facts.extend(self.bins.iter().map(|(name, it)| ("bin", format!("{name} {}", path(it)))));
        facts.extend(self.ports.iter().map(|(name, port)| ("port", format!("{port} {name}"))));
        facts.iter().map(|(word, value)| format!("{word}\t{}\n", value.escape_debug())).collect()
    }

    fn from_text(text: &str) -> Option<Self> {
        let facts = Facts::from_text(text)?;
        let ports = facts.pairs("port").map(|(port, name)| Some((name, port.parse().ok()?)));
        let addr = match facts.get("addr") {
            Some(addr) => Some(addr.parse().ok()?),
            None => None,
        };
        let stderr = facts.get("stderr").map(PathBuf::from);
        Some(Self {
            key: facts.get("key")?,
            supervisor: SupervisorInfo {
                pid: facts.get("supervisor")?.parse().ok()?,
                started: facts.get("started")?.parse().ok()?,
                mark: facts.get("mark")?,
                name: facts.get("name")?,
                stop_timeout: Duration::from_micros(facts.get("stop_timeout")?.parse().ok()?),
            },
            program: facts.get("program")?.into(),
            bins: facts.pairs("bin").map(|(name, path)| (name, path.into())).collect(),
            ports: ports.collect::<Option<_>>()?,
            dir: facts.get("dir").map(PathBuf::from),
            endpoint: Endpoint { addr, url: facts.get("url") },
            captured: facts.pairs("captured").collect(),
            files: LogFiles::existing(facts.get("stdout")?.into(), stderr),
        })
    }
}

fn files_in(directory: &Path) -> impl Iterator<Item = PathBuf> {
    fs::read_dir(directory).into_iter().flatten().flatten().map(|file| file.path())
}

/// The words and values of a manifest's lines.
struct Facts(Vec<(String, String)>);

impl Facts {
    fn from_text(text: &str) -> Option<Self> {
        let fact = |line: &str| {
            let (word, value) = line.split_once('\t')?;
            Some((word.to_owned(), unescape(value)?))
        };
        text.lines().map(fact).collect::<Option<_>>().map(Self)
    }

    fn all(&self, word: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(known, _)| known == word).map(|(_, value)| value.as_str())
    }

    fn get(&self, word: &str) -> Option<String> {
        self.all(word).next().map(str::to_owned)
    }

    /// Returns the values with this word, split at their first space.
    fn pairs(&self, word: &str) -> impl Iterator<Item = (String, String)> {
        let pairs = self.all(word).filter_map(|value| value.split_once(' '));
        pairs.map(|(one, other)| (one.to_owned(), other.to_owned()))
    }
}

/// Reverses `escape_debug`.
fn unescape(text: &str) -> Option<String> {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            plain.push(c);
            continue;
        }
        plain.push(match chars.next()? {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            '0' => '\0',
            'u' => {
                let code = chars.as_str().strip_prefix('{')?.split_once('}')?.0.to_owned();
                chars.nth(code.len() + 1);
                char::from_u32(u32::from_str_radix(&code, 16).ok()?)?
            }
            literal => literal,
        });
    }
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_survives_its_file() {
        let manifest = ServerManifest {
            key: "a \"b\"\n\tc \\ d\u{200b}é'\0".to_owned(),
            supervisor: SupervisorInfo {
                pid: 7,
                started: 8,
                mark: "A=b".to_owned(),
                name: "redis".to_owned(),
                stop_timeout: Duration::from_micros(1_500_001),
            },
            program: "/bin/a b".into(),
            bins: BTreeMap::from([("my-bin".to_owned(), PathBuf::from("/target/my bin"))]),
            ports: BTreeMap::from([(String::new(), 80), ("admin".to_owned(), 81)]),
            dir: Some("/tmp/a b".into()),
            endpoint: Endpoint {
                addr: Some("[::1]:80".parse().unwrap()),
                url: Some("http://[::1]:80/".to_owned()),
            },
            captured: BTreeMap::from([("key".to_owned(), "a b\n".to_owned())]),
            files: LogFiles::existing("/tmp/out".into(), Some("/tmp/err".into())),
        };
        let read = ServerManifest::from_text(&manifest.to_text()).unwrap();
        assert_eq!(read, ServerManifest { files: read.files.clone(), ..manifest });
        assert_eq!(read.files.stdout, PathBuf::from("/tmp/out"));
        assert_eq!(read.files.stderr, Some(PathBuf::from("/tmp/err")));
    }

    #[test]
    fn a_damaged_manifest_is_not_read() {
        for text in ["", "key", "key\tx\n", "key\tx\nsupervisor\ty\n", "key\t\\"] {
            assert!(ServerManifest::from_text(text).is_none(), "{text}");
        }
    }
}
