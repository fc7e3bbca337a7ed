use crate::syntax::suggest;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    Cmd,
    Shell,
    Bin,
    Args,
    Http,
    Status,
    Method,
    Header,
    Form,
    Body,
    Tcp,
    UnixSocket,
    PidFile,
    ReadyCommand,
    Notify,
    ReadyFd,
    Output,
    On,
    Times,
    FailOn,
    Listen,
    Stdin,
    Env,
    EnvRemove,
    EnvClear,
    Cwd,
    Timeout,
    StopTimeout,
    StopSignal,
    KillSignal,
    ExpectExit,
    Name,
    Scope,
    Crate,
}

/// How a key is written.
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

struct Row(Key, &'static str, Form, &'static [&'static str]);

const TABLE: &[Row] = &[
    Row(Key::Cmd, "cmd", Form::Value, &[r#"cmd = "redis-server --port {port}""#]),
    Row(Key::Shell, "shell", Form::Value, &[r#"shell = "exec redis-server --port {port}""#]),
    Row(Key::Bin, "bin", Form::Value, &[r#"bin = "my-server""#]),
    Row(Key::Args, "args", Form::Value, &[r#"args = ["--port", "{port}"]"#]),
    Row(Key::Http, "http", Form::Value, &[r#"http = "http://127.0.0.1:{port}/""#]),
    Row(
        Key::Status,
        "status",
        Form::Value,
        &["status = 200", "status = 200..=299", r#"status = "2..""#],
    ),
    Row(Key::Method, "method", Form::Value, &[r#"method = "GET""#]),
    Row(Key::Header, "header", Form::Pair, &[r#"header("Accept", "text/plain")"#]),
    Row(Key::Form, "form", Form::Pairs, &[r#"form(user = "admin")"#]),
    Row(Key::Body, "body", Form::Value, &[r#"body = "ping""#]),
    Row(Key::Tcp, "tcp", Form::Value, &[r#"tcp = "127.0.0.1:{port}""#]),
    Row(Key::UnixSocket, "unix_socket", Form::Value, &[r#"unix_socket = "{dir}/server.sock""#]),
    Row(Key::PidFile, "pid_file", Form::Value, &[r#"pid_file = "{dir}/server.pid""#]),
    Row(
        Key::ReadyCommand,
        "ready_command",
        Form::Value,
        &[r#"ready_command = "pg_isready -p {port}""#],
    ),
    Row(Key::Notify, "notify", Form::Flag, &[]),
    Row(Key::ReadyFd, "ready_fd", Form::Value, &["ready_fd = 3"]),
    Row(Key::Output, "output", Form::Value, &[r#"output = "ready to accept connections""#]),
    Row(Key::On, "on", Form::Value, &["on = stdout", "on = stderr"]),
    Row(Key::Times, "times", Form::Value, &["times = 2"]),
    Row(Key::FailOn, "fail_on", Form::Value, &[r#"fail_on = "^FATAL""#]),
    Row(Key::Listen, "listen", Form::Value, &[r#"listen = "127.0.0.1:{port}""#]),
    Row(Key::Stdin, "stdin", Form::Value, &[r#"stdin = "text""#]),
    Row(Key::Env, "env", Form::Pairs, &[r#"env(KEY = "value")"#]),
    Row(Key::EnvRemove, "env_remove", Form::Names, &["env_remove(KEY)"]),
    Row(Key::EnvClear, "env_clear", Form::Flag, &["env_clear"]),
    Row(Key::Cwd, "cwd", Form::Value, &[r#"cwd = "{dir}""#]),
    Row(Key::Timeout, "timeout", Form::Value, &[r#"timeout = "5s""#]),
    Row(Key::StopTimeout, "stop_timeout", Form::Value, &[r#"stop_timeout = "500ms""#]),
    Row(Key::StopSignal, "stop_signal", Form::Value, &[r#"stop_signal = "INT""#]),
    Row(Key::KillSignal, "kill_signal", Form::Value, &[r#"kill_signal = "QUIT""#]),
    Row(Key::ExpectExit, "expect_exit", Form::Value, &["expect_exit = 0"]),
    Row(Key::Name, "name", Form::Value, &[r#"name = "redis""#]),
    Row(Key::Scope, "scope", Form::Value, &[r#"scope = "binary""#, r#"scope = "session""#]),
    Row(Key::Crate, "crate", Form::Path, &["crate = path::to::mirakuru_rstest"]),
];

pub(crate) const OF_A_DEFINITION: &[Key] = &[Key::Name, Key::Scope, Key::Crate];
/// Each says when a process counts as started.
const CONDITIONS: &[Key] = &[
    Key::Http,
    Key::Tcp,
    Key::UnixSocket,
    Key::PidFile,
    Key::ReadyCommand,
    Key::Notify,
    Key::ReadyFd,
    Key::Output,
];
pub(crate) const OF_A_FIXTURE: &[Key] = &[Key::Scope, Key::Crate];

impl Key {
    pub(crate) fn all() -> Vec<Self> {
        TABLE.iter().map(|row| row.0).collect()
    }

    pub(crate) fn name(self) -> &'static str {
        self.row().1
    }

    pub(crate) fn form(self) -> Form {
        self.row().2
    }

    pub(crate) fn usage(self) -> String {
        if self.form() == Form::Flag {
            return format!("`{}` stands alone", self.name());
        }
        let examples = alternatives(self.row().3.iter().copied(), "or");
        format!("`{}` is written {examples}", self.name())
    }

    pub(crate) fn may_repeat(self) -> bool {
        matches!(
            self,
            Self::Header | Self::Form | Self::Env | Self::EnvRemove | Self::FailOn | Self::Listen
        )
    }

    /// Whether its value is needed before the process starts.
    pub(crate) fn is_early(self) -> bool {
        matches!(self, Self::Cmd | Self::Shell | Self::Args | Self::Env | Self::Cwd | Self::Listen)
    }

    /// One of these has to be there too, if there are any.
    pub(crate) fn needs(self) -> &'static [Self] {
        match self {
            Self::Args => &[Self::Bin, Self::Cmd],
            Self::Status | Self::Method | Self::Header | Self::Form | Self::Body => &[Self::Http],
            Self::On | Self::Times => &[Self::Output],
            Self::FailOn => CONDITIONS,
            _ => &[],
        }
    }

    // The table stands in the order of the variants; a test checks it.
    fn row(self) -> &'static Row {
        &TABLE[self as usize]
    }
}

pub(crate) fn find(name: &str, known: &[Key]) -> Option<Key> {
    known.iter().copied().find(|key| key.name() == name)
}

pub(crate) fn unknown(name: &str, known: &[Key]) -> String {
    match nearest(name, known) {
        Some(near) => format!("unknown key `{name}`; did you mean `{near}`?"),
        None => format!("unknown key `{name}`; known are {}", list(known)),
    }
}

/// The key that was meant, if it is a typing error.
pub(crate) fn nearest(name: &str, known: &[Key]) -> Option<&'static str> {
    suggest::name(name, known.iter().map(|key| key.name()))
}

pub(crate) fn list(keys: &[Key]) -> String {
    alternatives(keys.iter().map(|key| key.name()), "and")
}

pub(crate) fn alternatives<'a>(names: impl Iterator<Item = &'a str>, word: &str) -> String {
    let quoted: Vec<_> = names.map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} {word} {last}", rest.join(", ")),
        _ => quoted.concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_stands_in_the_order_of_the_variants() {
        for (place, row) in TABLE.iter().enumerate() {
            assert_eq!(row.0 as usize, place, "{}", row.1);
        }
        assert_eq!(Key::Crate as usize + 1, TABLE.len());
    }

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
            assert_eq!(suggest::name(typed, TABLE.iter().map(|row| row.1)), Some(meant), "{typed}");
        }
    }

    #[test]
    fn a_different_word_finds_none() {
        for typed in ["x", "banner", "socket_path"] {
            assert_eq!(suggest::name(typed, TABLE.iter().map(|row| row.1)), None, "{typed}");
        }
    }

    #[test]
    fn an_unknown_key_lists_the_known_ones() {
        let message = unknown("port", OF_A_DEFINITION);
        assert_eq!(message, "unknown key `port`; known are `name`, `scope` and `crate`");
    }
}
