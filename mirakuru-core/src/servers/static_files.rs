use super::server;
use crate::executor::Executor;

/// Python's `http.server`, which serves the files of its working directory, `{dir}`.
///
/// | | |
/// |---|---|
/// | ready | `/` answers; needs the feature `http` |
/// | clients | `http://127.0.0.1:{port}/` |
/// | files | those that it serves; [`current_dir`](Executor::current_dir) sets another directory |
/// | packages | Debian `python3`, Homebrew `python3` |
///
/// # Examples
///
/// ```
/// # use mirakuru_core::servers;
/// let files = servers::static_files().file("{dir}/index.html", "<p>hello").start()?;
/// assert!(files.url().starts_with("http://127.0.0.1:"));
/// # Ok::<(), mirakuru_core::Error>(())
/// ```
#[doc(alias = "http.server")]
pub fn static_files() -> Executor {
    server("static_files", "python3 -u -m http.server {port} --bind 127.0.0.1")
        .current_dir("{dir}")
        .http("http://127.0.0.1:{port}/")
}
