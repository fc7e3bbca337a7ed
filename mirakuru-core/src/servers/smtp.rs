use super::server;
use crate::executor::Executor;

/// An SMTP server, aiosmtpd, that accepts mail from anyone to anyone and keeps it.
///
/// | | |
/// |---|---|
/// | ready | it listens on `{port}` |
/// | clients | `smtp://127.0.0.1:{port}`, without TLS and without a password |
/// | files | `{dir}/mail`, a Maildir: each mail is a file in `{dir}/mail/new` |
/// | packages | Debian `python3-aiosmtpd`, `pip install aiosmtpd` |
///
/// # Examples
///
/// ```no_run
/// # use mirakuru_core::servers;
/// let smtp = servers::smtp().start()?;
/// // … send a mail to `smtp.addr()` …
/// let mails = std::fs::read_dir(smtp.dir().join("mail/new"));
/// # Ok::<(), mirakuru_core::Error>(())
/// ```
#[doc(alias = "aiosmtpd")]
#[doc(alias = "mailpit")]
pub fn smtp() -> Executor {
    server("smtp", "aiosmtpd -n -l 127.0.0.1:{port} -c aiosmtpd.handlers.Mailbox {dir}/mail")
        .tcp("127.0.0.1:{port}")
}
