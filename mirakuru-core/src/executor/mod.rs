//! The description of a process: what to run, when it counts as started, how it ends.

mod command;
mod conditions;
mod limits;
mod member;
mod need;
mod needs;
mod set_up;

use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use crate::diagnostics::{misspelt, settings, used_servers};
use crate::error::Result;
use crate::launch::external::External;
use crate::launch::spec::ProcessSpec;
use crate::process::{AfterReady, NeedLeases, Process};
use crate::readiness::Identity;
use crate::resources::ports::Reservation;
use crate::server::Server;
use crate::server::manifest::ServerManifest;
use crate::types::Scope;

pub use need::Need;
pub(crate) use need::{Chain, Sharing};
pub(crate) use needs::add_all;

/// The description of a process, as [`std::process::Command`] is one: what to run, when it counts
/// as started, and how it ends.
///
/// Without a condition, a process counts as started when its program runs. With several, all of them
/// have to hold. The command, the values of the environment, the conditions, the working directory and
/// the steps of the [set-up](crate#set-up) may contain `{port}`, `{udp}`, `{dir}` and `{bin:name}`; see the [crate page](crate#placeholders).
///
/// The methods check nothing; [`start`](Executor::start) reports what is wrong with their values.
///
/// # Examples
///
/// ```
/// # use mirakuru_core::Executor;
/// let server = Executor::new("python3 -m http.server {port} --bind 127.0.0.1")
///     .http("http://127.0.0.1:{port}/")
///     .start()?;
/// let client = std::net::TcpStream::connect(server.addr()).unwrap();
/// # Ok::<(), mirakuru_core::Error>(())
/// ```
#[doc(alias = "SimpleExecutor")]
#[derive(Clone, Debug)]
#[must_use = "an executor starts nothing until `start` is called"]
pub struct Executor {
    spec: ProcessSpec,
    after_ready_with: Vec<AfterReady>,
    /// What the process needs, and what it calls them.
    needs: Vec<(String, Need)>,
}

impl Executor {
    /// Sets the number that `{port}` stands for. Default: a free port, so that tests and runs do not
    /// disturb each other.
    ///
    /// A development environment has the same address each day by it. The port is not reserved. If
    /// another process listens there, the start is an error that names that process; if the process is of
    /// an earlier run, and still stops, it is waited for.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use mirakuru_core::servers;
    /// let redis = servers::redis().port(6379).start()?;
    /// assert_eq!(redis.port(), 6379);
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    pub fn port(mut self, port: u16) -> Self {
        self.spec.port = Some(port);
        self
    }

    /// Uses a server that runs already, at `host:port`, instead of starting one: a service of a CI job, or
    /// a database of your own.
    ///
    /// For a shared process and a member of a [`Stack`](crate::Stack), the environment variable
    /// `MIRAKURU_USE_` with its [name](Self::name) does the same, and has precedence: `MIRAKURU_USE_REDIS_SERVER=localhost:6379` for one called `redis-server`.
    /// The name is in capitals, with a `_` for each character that is not a letter or a digit of ASCII.
    /// What the tests call the process counts, too: `MIRAKURU_USE_STORE` for a fixture `store`, or for a
    /// parameter `store` of the attribute without one. If both variables are set, to different addresses,
    /// that is an error. A process that a test has for itself (a parameter of type `Process`, [`start`](Self::start)) is
    /// started nevertheless: the variable would have such tests share a server.
    ///
    /// | | with such a server |
    /// |---|---|
    /// | ready | when all conditions by [`tcp`](Self::tcp), [`udp`](Self::udp), [`http`](Self::http) and [`reply`](Self::reply) on ports hold at its address; without one, when it accepts a connection there; others are left out |
    /// | `{port}`, [`port`](Process::port), [`addr`](Process::addr), [`url`](Process::url) | those of the server; no named port is known. `127.0.0.1:{port}` is right only if it is on this machine: `addr` and `url` always are |
    /// | [`after_ready`](Self::after_ready), [`after_ready_with`](Self::after_ready_with), [`reset`](Self::reset) | run as for a server that was started, as the user of the tests: what they do has to be repeatable |
    /// | `{dir}` | a directory with what [`file`](Self::file) writes, for these commands; the server does not know it |
    /// | [`needs`](Self::needs) | start as usual |
    /// | the command, [`template`](Self::template), [`before_start`](Self::before_start) | do not run |
    /// | leases | exclude each other within the run; other runs may use the server, too |
    ///
    /// Whatever needs the server's own process is an error of the kind
    /// [`External`](crate::ErrorKind::External), or a panic with it: to stop, restart, pause or signal
    /// it, its log and its process id, [`mark_dirty`](crate::ExclusiveLease::mark_dirty).
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::Executor;
    /// # let runs = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    /// # let address = runs.local_addr().unwrap().to_string();
    /// let redis = Executor::new("redis-server --port {port}").tcp("127.0.0.1:{port}");
    /// let mut redis = redis.external(&address).start()?;
    /// assert_eq!(redis.addr().to_string(), address);
    /// assert_eq!(redis.stop().unwrap_err().kind(), mirakuru_core::ErrorKind::External);
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    pub fn external(mut self, address: impl Into<String>) -> Self {
        self.spec.external = Some(External::new(address.into()));
        self
    }

    /// Starts the process, and returns when it is ready.
    ///
    /// # Errors
    ///
    /// Nothing is started if the description is faulty
    /// ([`InvalidInput`](crate::ErrorKind::InvalidInput)), if the program or the working directory is
    /// missing ([`NotFound`](crate::ErrorKind::NotFound)) or forbidden
    /// ([`PermissionDenied`](crate::ErrorKind::PermissionDenied)), or if a condition holds without the
    /// process ([`AlreadyRunning`](crate::ErrorKind::AlreadyRunning)).
    ///
    /// The process and everything it spawned are killed if it exits before it is ready
    /// ([`Exited`](crate::ErrorKind::Exited)), if it reports that it never will be
    /// ([`Failed`](crate::ErrorKind::Failed)), or if it is not ready in time
    /// ([`Timeout`](crate::ErrorKind::Timeout)).
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::Executor;
    /// let server = Executor::shell("echo ready; exec sleep 60").output("^ready$").start()?;
    /// assert!(server.is_running());
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    pub fn start(&self) -> Result<Process> {
        let executor = self.clone().resolved()?;
        let needs = executor.lease_needs()?;
        Ok(executor.start_with(&needs)?.needing(needs))
    }

    /// Starts the process beside those that it needs.
    pub(crate) fn start_with(&self, needs: &NeedLeases) -> Result<Process> {
        settings::check()?;
        misspelt::report();
        if self.spec.external.is_none() {
            used_servers::report_near(&self.spec.names());
        }
        let executor = self.knowing(needs);
        let start =
            |reservation| executor.start_reserved(executor.reserve(reservation)?, needs.needed());
        let started = match start(self.spec.reservation()) {
            // A server that does not set SO_REUSEADDR cannot bind a port that a bound socket reserves.
            Err(error) if error.is_address_in_use() && self.spec.has_port() => {
                let started = start(Reservation::LockFile);
                started.inspect(|_| self.spec.remember_to_lock())
            }
            started => started,
        };
        let process = started?.reported();
        process.run_after_ready()?;
        Ok(process)
    }

    /// Returns the process that another test process has started from the same description.
    pub(crate) fn attach(
        &self,
        stream: UnixStream,
        manifest: ServerManifest,
        path: PathBuf,
        needs: &NeedLeases,
    ) -> Result<Process> {
        let executor = self.knowing(needs);
        let spec = executor.spec.effective()?;
        let server = Server::attach(&spec, stream, manifest, path, needs.needed())?;
        Ok(Process::new(server, self.after_ready_with.clone()))
    }

    /// Says what tests call the process, unless it was said before.
    pub(crate) fn called(mut self, label: &str) -> Self {
        self.spec.label.get_or_insert_with(|| label.to_owned());
        self
    }

    /// Sets where the compiler put a binary of the package under test, for `{bin:name}`.
    #[doc(hidden)]
    pub fn known_bin(mut self, name: &str, path: Option<&str>) -> Self {
        if let Some(path) = path {
            self.spec.known_bins.insert(name.to_owned(), PathBuf::from(path));
        }
        self
    }

    /// Uses the server that the environment names for this process, if it does.
    pub(crate) fn or_external(mut self) -> Result<Self> {
        let of_environment = External::of_environment(&self.spec.names())?;
        self.spec.external = of_environment.or(self.spec.external);
        Ok(self)
    }

    pub(crate) fn with_scope(mut self, scope: Scope) -> Self {
        self.spec.scope = Some(scope);
        self
    }

    pub(crate) fn spec(&self) -> &ProcessSpec {
        &self.spec
    }

    /// Returns what tells this executor from others: two that say the same have the same key.
    ///
    /// # Errors
    ///
    /// Fails if a condition or a closure of it has no identity.
    pub(crate) fn key(&self) -> Result<String> {
        let mut identity = Identity::default();
        self.after_ready_with.iter().try_for_each(|it| it.identify(&mut identity))?;
        self.identify_needs(&mut identity)?;
        Ok(self.spec.key()? + &identity.to_hex())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use super::*;
    use crate::command::Stdin;
    use crate::output::Banner;
    use crate::readiness::{Attempt, Http, Probe, Readiness};
    use crate::types::{Owner, Signal, Stream};

    fn plain() -> Executor {
        Executor::new("server")
    }

    /// One executor for each method, all different from each other.
    fn table() -> Vec<Executor> {
        vec![
            plain(),
            Executor::new(["server"]),
            Executor::shell("server"),
            plain().name("other"),
            plain().arg("a b"),
            plain().args(["a", "b"]),
            plain().env("A", "b"),
            plain().envs([("A", "b"), ("B", "c")]),
            plain().env_remove("A"),
            plain().env_clear(),
            plain().current_dir("a"),
            plain().stdin("text"),
            plain().stdin(Path::new("text")),
            plain().stdin(Stdin::Piped),
            plain().output("ready"),
            plain().output(Banner::new("ready").times(2)),
            plain().output(Banner::new("ready").on(Stream::Stdout)),
            plain().output(Banner::new("ready").on(Stream::Stderr)),
            plain().tcp("ready"),
            plain().tcp("localhost:{port}"),
            plain().udp("ready"),
            plain().udp("localhost:{udp}"),
            plain().reply("localhost:{port}", "", "ready"),
            plain().reply("localhost:{port}", "a", "ready"),
            plain().reply("localhost:{port}", "", "set"),
            plain().reply("localhost:{udp}", "", "ready"),
            plain().http("ready"),
            plain().http(Http::head("ready").pattern("b")),
            plain().http(Http::get("ready")),
            plain().http(Http::head("ready").status(200)),
            plain().http(Http::head("ready").status("200")),
            plain().http(Http::head("ready").header("A", "b")),
            plain().http(Http::head("ready").body("b")),
            plain().http(Http::head("ready").request_timeout(Duration::from_secs(1))),
            plain().unix_socket("ready"),
            plain().pid_file("ready"),
            plain().ready_command("ready"),
            plain().notify(),
            plain().ready_fd(3),
            plain().ready_fd(4),
            plain().notify().ready_fd(3),
            plain().ready_fd(3).notify(),
            plain().fail_on("ready"),
            plain().listen("ready"),
            plain().connect(true),
            plain().owner(Owner::Any),
            plain().probe(|_: &Attempt<'_>| true),
            plain().probe(|_: &Attempt<'_>| true),
            plain().probe(Named("a")),
            plain().probe(Named("b")),
            plain().timeout(Duration::from_secs(1)),
            plain().stop_timeout(Duration::from_secs(1)),
            plain().stop_signal(Signal::INT),
            plain().kill_signal(Signal::INT),
            plain().expect_exit(3),
            plain().file("{dir}/a", "b"),
            plain().file("{dir}/a", "c"),
            plain().before_start("a"),
            plain().after_ready("a"),
            plain().after_ready_with(|_| Ok::<_, String>(())),
            plain().after_ready_with(|_| Ok::<_, String>(())),
            plain().template("a"),
            plain().reset("a"),
            plain().user("a"),
            plain().external("a:1"),
            plain().external("a:2"),
            plain().port(1),
            plain().port(2),
            plain().needs("a", || Executor::new("a")),
            plain().needs("b", || Executor::new("a")),
            plain().needs("a", || Executor::new("b")),
        ]
    }

    struct Named(&'static str);

    impl Probe for Named {
        fn check(&self, _: &Attempt<'_>) -> Readiness {
            Readiness::Ready
        }

        fn identity(&self) -> Option<String> {
            Some(self.0.to_owned())
        }
    }

    #[test]
    fn executors_that_differ_in_one_method_have_different_keys() {
        let keys: Vec<_> = table().iter().map(|it| it.key().unwrap()).collect();
        for (at, key) in keys.iter().enumerate() {
            let same: Vec<_> = (0..keys.len()).filter(|other| keys[*other] == *key).collect();
            assert_eq!(same, [at], "{:?}", table()[at]);
        }
    }

    #[test]
    fn a_clone_and_a_description_that_says_the_same_have_the_same_key() {
        for executor in table() {
            assert_eq!(executor.key().unwrap(), executor.clone().key().unwrap());
        }
        let is_up = |_: &Attempt<'_>| true;
        let described = || plain().arg("a").tcp("localhost:{port}").probe(is_up).probe(Named("a"));
        assert_eq!(described().key().unwrap(), described().key().unwrap());
    }

    #[test]
    fn neither_the_scope_nor_the_path_of_a_binary_counts_for_the_key() {
        let key = plain().key().unwrap();
        assert_eq!(plain().with_scope(Scope::Session).key().unwrap(), key);
        assert_eq!(plain().known_bin("a", Some("/a")).key().unwrap(), key);
    }

    #[test]
    fn a_probe_that_holds_values_has_no_key() {
        let wanted = 3;
        let error = plain().probe(move |_: &Attempt<'_>| wanted == 3).key().unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::InvalidInput);
        assert!(format!("{error:?}").contains("`identity`"), "{error:?}");
    }

    #[test]
    fn a_closure_that_captures_variables_has_no_key() {
        let (set_up, name) = (Ok::<_, String>(()), "a".to_owned());
        let set_up = move |_: &Process| set_up.clone().inspect(|()| assert_eq!(name, "a"));
        let error = plain().after_ready_with(set_up).key().unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::InvalidInput);
        assert!(error.to_string().contains("captures variables"), "{error:?}");
    }

    #[test]
    fn a_port_is_reserved_only_for_placeholders() {
        for (executor, has_port) in [
            (plain(), false),
            (plain().arg("{{port}}"), false),
            (plain().output(r"(?<port>\d+)").tcp("localhost:{port}"), false),
            (plain().output(r"(?<port>\d+)").tcp("localhost:{port:own}"), true),
            (plain().arg("{port}"), true),
            (plain().env("A", "{udp}"), true),
            (plain().listen("localhost:{port:web}"), true),
            (plain().file("{dir}/a", "{port}"), true),
            (plain().before_start("a {port}"), true),
            (plain().after_ready("a {port}"), true),
        ] {
            assert_eq!(executor.spec().has_port(), has_port, "{executor:?}");
        }
    }
}
