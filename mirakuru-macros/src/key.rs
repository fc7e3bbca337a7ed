use crate::literal::{self, Captured};
use crate::syntax::suggest::{self, alternatives};
use crate::syntax::{duration, http, numbers, signal};

/// The form in which a key is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// `key = value`
    Value,
    /// `key = some::path`
    Path,
    /// `key("a", "b")`
    Pair,
    /// `key(A = "a", B = "b")`
    Pairs,
    /// `key(A, B)`
    Names,
    /// `key`
    Flag,
}

/// Checks the literal value of a key.
#[derive(Clone, Copy)]
pub(crate) enum Check {
    /// There is nothing to check here.
    Nothing,
    Text(fn(&str) -> Result<(), String>),
    /// A text that is needed after the start, so it can use captured values.
    LateText(fn(&str, &Captured) -> Result<(), String>),
    Number(fn(i64) -> Result<(), String>),
    /// A text or a list of words.
    Command,
    LateCommand,
    /// A command whose result is kept for other processes.
    PortlessCommand,
    Words,
    Program,
    Status,
    /// An exit code, a list of them, or a range.
    Exit,
    Bytes,
    /// Each pair is a part with a value of its own.
    Parts(&'static [Part]),
}

/// A part of a key with several values, in the order of the builder's arguments.
#[derive(Clone, Copy)]
pub(crate) struct Part {
    pub(crate) name: &'static str,
    pub(crate) check: Check,
    /// Without it, the value is an empty text.
    pub(crate) is_required: bool,
}

const fn part(name: &'static str, check: Check) -> Part {
    Part { name, check, is_required: true }
}

const REPLY: &[Part] = &[
    part("addr", Check::LateText(literal::target)),
    Part { name: "send", check: Check::Bytes, is_required: false },
    part("pattern", Check::Text(literal::pattern)),
];

const FILE: &[Part] =
    &[part("path", Check::Text(literal::file_path)), part("text", Check::Text(literal::template))];

/// Everything that is particular to one key.
pub(crate) struct Row {
    name: &'static str,
    form: Form,
    /// The key as users write it.
    examples: &'static [&'static str],
    check: Check,
    /// It says when a process counts as started.
    is_condition: bool,
    /// Its value is needed before the process starts.
    is_early: bool,
    may_repeat: bool,
    /// One of these keys has to be present too.
    needs: &'static [Key],
}

const fn row(name: &'static str, form: Form, examples: &'static [&'static str]) -> Row {
    Row {
        name,
        form,
        examples,
        check: Check::Nothing,
        is_condition: false,
        is_early: false,
        may_repeat: false,
        needs: &[],
    }
}

impl Row {
    const fn check(self, check: Check) -> Self {
        Self { check, ..self }
    }

    const fn condition(self) -> Self {
        Self { is_condition: true, ..self }
    }

    const fn early(self) -> Self {
        Self { is_early: true, ..self }
    }

    const fn repeated(self) -> Self {
        Self { may_repeat: true, ..self }
    }

    const fn needs(self, needs: &'static [Key]) -> Self {
        Self { needs, ..self }
    }
}

macro_rules! keys {
    ($($key:ident: $row:expr,)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Key { $($key),* }

        const TABLE: &[(Key, Row)] = &[$((Key::$key, $row)),*];
    };
}

// A key whose value is an expression for the builder's method of the same name needs its row only.
keys! {
    Cmd: row("cmd", Form::Value, &[r#"cmd = "redis-server --port {port}""#]).early().check(Check::Command),
    Shell: row("shell", Form::Value, &[r#"shell = "exec redis-server --port {port}""#]).early().check(Check::Text(literal::script)),
    Bin: row("bin", Form::Value, &[r#"bin = "my-server""#]).check(Check::Program),
    Args: row("args", Form::Value, &[r#"args = ["--port", "{port}"]"#]).early().needs(&[Key::Bin, Key::Cmd]).check(Check::Words),
    Http: row("http", Form::Value, &[r#"http = "http://127.0.0.1:{port}/""#]).condition().check(Check::LateText(literal::url)),
    Status: row("status", Form::Value, &["status = 200", "status = 200..=299", r#"status = "2..""#]).needs(&[Key::Http]).check(Check::Status),
    Method: row("method", Form::Value, &[r#"method = "GET""#]).needs(&[Key::Http]).check(Check::Text(http::check_method)),
    Header: row("header", Form::Pair, &[r#"header("Accept", "text/plain")"#]).repeated().needs(&[Key::Http]),
    Form: row("form", Form::Pairs, &[r#"form(user = "admin")"#]).repeated().needs(&[Key::Http]),
    Body: row("body", Form::Value, &[r#"body = "ping""#]).needs(&[Key::Http]).check(Check::Bytes),
    Pattern: row("pattern", Form::Value, &[r#"pattern = "\"status\":\"up\"""#]).needs(&[Key::Http]).check(Check::Text(literal::pattern)),
    Tcp: row("tcp", Form::Value, &[r#"tcp = "127.0.0.1:{port}""#]).condition().check(Check::LateText(literal::address)),
    Udp: row("udp", Form::Value, &[r#"udp = "127.0.0.1:{udp}""#]).condition().check(Check::LateText(literal::udp_address)),
    Reply: row("reply", Form::Pairs, &[r#"reply(addr = "127.0.0.1:{port}", send = "PING\r\n", pattern = "PONG")"#]).condition().repeated().check(Check::Parts(REPLY)),
    UnixSocket: row("unix_socket", Form::Value, &[r#"unix_socket = "{dir}/server.sock""#]).condition().check(Check::LateText(literal::late_path)),
    PidFile: row("pid_file", Form::Value, &[r#"pid_file = "{dir}/server.pid""#]).condition().check(Check::LateText(literal::late_path)),
    ReadyCommand: row("ready_command", Form::Value, &[r#"ready_command = "pg_isready -p {port}""#]).condition().check(Check::LateCommand),
    Notify: row("notify", Form::Flag, &[]).condition(),
    ReadyFd: row("ready_fd", Form::Value, &["ready_fd = 3"]).condition().check(Check::Number(ready_fd)),
    Output: row("output", Form::Value, &[r#"output = "ready to accept connections""#]).condition().check(Check::Text(literal::output)),
    On: row("on", Form::Value, &["on = stdout", "on = stderr"]).needs(&[Key::Output]).check(Check::Text(|text| literal::stream(text).map(drop))),
    Times: row("times", Form::Value, &["times = 2"]).needs(&[Key::Output]).check(Check::Number(numbers::check_times)),
    FailOn: row("fail_on", Form::Value, &[r#"fail_on = "^FATAL""#]).repeated().check(Check::Text(literal::pattern)),
    Listen: row("listen", Form::Value, &[r#"listen = "127.0.0.1:{port}""#]).early().repeated().check(Check::Text(literal::listening_address)),
    Connect: row("connect", Form::Value, &["connect = true"]).needs(&[Key::Tcp, Key::Http, Key::UnixSocket]),
    Owner: row("owner", Form::Value, &[r#"owner = "any""#]).needs(&[Key::Tcp, Key::Http, Key::UnixSocket]).check(Check::Text(|text| literal::owner(text).map(drop))),
    Stdin: row("stdin", Form::Value, &[r#"stdin = "text""#]).check(Check::Bytes),
    Env: row("env", Form::Pairs, &[r#"env(KEY = "value")"#]).early().repeated(),
    EnvRemove: row("env_remove", Form::Names, &["env_remove(KEY)"]).repeated(),
    EnvClear: row("env_clear", Form::Flag, &["env_clear"]),
    Cwd: row("cwd", Form::Value, &[r#"cwd = "{dir}""#]).early().check(Check::Text(literal::path)),
    File: row("file", Form::Pairs, &[r#"file(path = "{dir}/a.conf", text = "listen {port}")"#]).early().repeated().check(Check::Parts(FILE)),
    Template: row("template", Form::Value, &[r#"template = "initdb -D {dir}/data""#]).early().repeated().check(Check::PortlessCommand),
    BeforeStart: row("before_start", Form::Value, &[r#"before_start = "mkdir {dir}/data""#]).early().repeated().check(Check::Command),
    AfterReady: row("after_ready", Form::Value, &[r#"after_ready = "createdb --port {port} app""#]).repeated().check(Check::LateCommand),
    AfterReadyWith: row("after_ready_with", Form::Value, &["after_ready_with = create_tables"]).repeated(),
    Reset: row("reset", Form::Value, &[r#"reset = "redis-cli -p {port} flushall""#]).repeated().check(Check::LateCommand),
    Needs: row("needs", Form::Pairs, &["needs(db = DB)"]).repeated(),
    User: row("user", Form::Value, &[r#"user = "postgres""#]).check(Check::Text(literal::name)),
    External: row("external", Form::Value, &[r#"external = "localhost:5432""#]).check(Check::Text(literal::running_address)),
    Timeout: row("timeout", Form::Value, &[r#"timeout = "5s""#]).check(Check::Text(time_limit)),
    StopTimeout: row("stop_timeout", Form::Value, &[r#"stop_timeout = "500ms""#]).check(Check::Text(time_limit)),
    StopSignal: row("stop_signal", Form::Value, &[r#"stop_signal = "INT""#]).check(Check::Text(|text| signal::find(text).map(drop))),
    KillSignal: row("kill_signal", Form::Value, &[r#"kill_signal = "QUIT""#]).check(Check::Text(|text| signal::find(text).map(drop))),
    ExpectExit: row("expect_exit", Form::Value, &["expect_exit = 0", "expect_exit = [0, 2]", "expect_exit = 0..=2"]).check(Check::Exit),
    Name: row("name", Form::Value, &[r#"name = "redis""#]).check(Check::Text(literal::name)),
    Scope: row("scope", Form::Value, &[r#"scope = "binary""#, r#"scope = "session""#]).check(Check::Text(|text| literal::scope(text).map(drop))),
    Crate: row("crate", Form::Path, &["crate = path::to::mirakuru_rstest"]),
}

fn ready_fd(number: i64) -> Result<(), String> {
    numbers::check_ready_fd(number, numbers::EXTRA_FDS.start)
}

fn time_limit(text: &str) -> Result<(), String> {
    duration::duration(text).map(drop)
}

pub(crate) const OF_A_DEFINITION: &[Key] = &[Key::Name, Key::Scope, Key::Crate];
pub(crate) const OF_A_FIXTURE: &[Key] = &[Key::Scope, Key::Crate];

impl Key {
    pub(crate) fn all() -> Vec<Self> {
        TABLE.iter().map(|(key, _)| *key).collect()
    }

    pub(crate) fn name(self) -> &'static str {
        self.row().name
    }

    pub(crate) fn form(self) -> Form {
        self.row().form
    }

    pub(crate) fn check(self) -> Check {
        self.row().check
    }

    pub(crate) fn usage(self) -> String {
        if self.form() == Form::Flag {
            return format!("`{}` has no value", self.name());
        }
        let examples = alternatives(self.row().examples.iter().copied(), "or");
        format!("`{}` is written {examples}", self.name())
    }

    pub(crate) fn may_repeat(self) -> bool {
        self.row().may_repeat
    }

    /// Returns true if its value is needed before the process starts.
    pub(crate) fn is_early(self) -> bool {
        self.row().is_early
    }

    /// Returns the keys of which one has to be present too, if there are any.
    pub(crate) fn needs(self) -> Vec<Self> {
        match self {
            Self::FailOn => {
                let conditions = TABLE.iter().filter(|(_, row)| row.is_condition);
                conditions.map(|(key, _)| *key).collect()
            }
            key => key.row().needs.to_vec(),
        }
    }

    // The rows are in the order of the variants.
    fn row(self) -> &'static Row {
        &TABLE[self as usize].1
    }
}

pub(crate) fn find(name: &str, known: &[Key]) -> Option<Key> {
    known.iter().copied().find(|key| key.name() == name)
}

pub(crate) fn unknown(name: &str, known: &[Key]) -> String {
    let listed = match known.len() <= USUAL.len() {
        true => format!("known are {}", list(known)),
        false => {
            format!("the usual ones are {}; the page of `with_process` has all", list(USUAL))
        }
    };
    match (nearest(name, known), meant(name).filter(|key| known.contains(key))) {
        (Some(near), _) => format!("unknown key `{name}`; did you mean `{near}`?"),
        (None, Some(key)) => {
            format!("unknown key `{name}`; did you mean `{}`? {}", key.name(), key.usage())
        }
        (None, None) => format!("unknown key `{name}`; {listed}"),
    }
}

/// The keys that a message lists instead of all.
const USUAL: &[Key] = &[
    Key::Cmd,
    Key::Shell,
    Key::Bin,
    Key::Args,
    Key::Tcp,
    Key::Http,
    Key::Output,
    Key::Env,
    Key::Cwd,
    Key::File,
    Key::AfterReady,
    Key::Timeout,
    Key::Name,
    Key::Scope,
];

/// Returns the key for what other libraries and languages call by this name.
fn meant(name: &str) -> Option<Key> {
    Some(match name {
        "command" | "program" | "run" | "exec" => Key::Cmd,
        "script" | "sh" => Key::Shell,
        "binary" => Key::Bin,
        "arguments" | "argv" => Key::Args,
        "port" | "ports" | "addr" | "address" | "host" | "wait_for_port" => Key::Tcp,
        "url" | "health" | "health_check" | "healthcheck" | "endpoint" => Key::Http,
        "banner" | "line" | "log" | "stdout" | "stderr" | "wait_for" => Key::Output,
        "socket" | "unix" => Key::UnixSocket,
        "check" | "ready" => Key::ReadyCommand,
        "environment" | "envs" | "vars" => Key::Env,
        "dir" | "directory" | "current_dir" | "working_dir" | "workdir" => Key::Cwd,
        "config" | "files" => Key::File,
        "setup" | "init" | "migrations" => Key::AfterReady,
        "signal" => Key::StopSignal,
        "depends_on" | "requires" => Key::Needs,
        _ => return None,
    })
}

/// Returns the key that was meant, if the name is a typing error.
pub(crate) fn nearest(name: &str, known: &[Key]) -> Option<&'static str> {
    suggest::name(name, known.iter().map(|key| key.name()))
}

pub(crate) fn list(keys: &[Key]) -> String {
    alternatives(keys.iter().map(|key| key.name()), "and")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_error_finds_its_key() {
        for (typed, meant) in [
            ("htp", "http"),
            ("hhtp", "http"),
            ("tpc", "tcp"),
            ("cdm", "cmd"),
            ("timout", "timeout"),
            ("stop_singal", "stop_signal"),
            ("unixsocket", "unix_socket"),
            ("arg", "args"),
        ] {
            assert_eq!(
                suggest::name(typed, TABLE.iter().map(|(_, row)| row.name)),
                Some(meant),
                "{typed}"
            );
        }
    }

    #[test]
    fn a_different_word_finds_none() {
        for typed in ["x", "banner", "socket_path"] {
            assert_eq!(
                suggest::name(typed, TABLE.iter().map(|(_, row)| row.name)),
                None,
                "{typed}"
            );
        }
    }

    #[test]
    fn an_unknown_key_lists_the_known_ones() {
        let message = unknown("port", OF_A_DEFINITION);
        assert_eq!(message, "unknown key `port`; known are `name`, `scope` and `crate`");
    }

    #[test]
    fn a_name_from_elsewhere_finds_its_key() {
        let key = |name| meant(name).map(Key::name);
        assert_eq!(key("command"), Some("cmd"));
        assert_eq!(key("url"), Some("http"));
        assert!(TABLE.iter().all(|(_, row)| meant(row.name).is_none()), "a key is no other one");
    }
}
