use super::{is_root, server};
use crate::executor::Executor;
use crate::resources::program;

const CONFIGURATION: &str = "\
ListenAddress 127.0.0.1
Port {port}
HostKey {dir}/host_key
AuthorizedKeysFile {dir}/client_key.pub
PidFile none
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin yes
StrictModes no
UsePAM no
Subsystem sftp internal-sftp
";

/// An SSH server, OpenSSH, for logins of the user who runs the tests.
///
/// | | |
/// |---|---|
/// | ready | it listens on `{port}` |
/// | clients | `ssh -i {dir}/client_key -p {port} 127.0.0.1`, `scp` and `sftp`; no password |
/// | files | `{dir}/sshd_config`, the keys `{dir}/host_key` and `{dir}/client_key`, and `{dir}/known_hosts` with the key of the server |
/// | off for tests | PAM, checks of the permissions of files |
/// | as root | makes `/run/sshd`, an empty directory that `sshd` requires, and that stays |
/// | packages | Debian `openssh-server`, Homebrew `openssh` |
///
/// Sessions of clients end with the server.
///
/// # Examples
///
/// ```no_run
/// use std::process::Command;
/// # use mirakuru_core::servers;
/// let sshd = servers::openssh().start()?;
/// let script = "ssh -F none -i {dir}/client_key -o UserKnownHostsFile={dir}/known_hosts -p {port} 127.0.0.1 id";
/// let output = Command::new("sh").args(["-c", &sshd.render(script)?]).output();
/// # Ok::<(), mirakuru_core::Error>(())
/// ```
#[doc(alias = "sshd")]
#[doc(alias = "sftp")]
pub fn openssh() -> Executor {
    let known_hosts = r#"echo "[127.0.0.1]:{port} $(cat {dir}/host_key.pub)" >{dir}/known_hosts"#;
    // It executes itself again for each client, by the path that it was given.
    let program = program::find_server("sshd").unwrap_or_else(|| "sshd".into());
    let server = server("openssh", [program]).args(["-D", "-e", "-f", "{dir}/sshd_config"]);
    let server = if is_root() { server.before_start("mkdir -p -m 755 /run/sshd") } else { server };
    server
        .file("{dir}/sshd_config", CONFIGURATION)
        .template("ssh-keygen -q -N '' -t ed25519 -f {dir}/host_key")
        .template("ssh-keygen -q -N '' -t ed25519 -f {dir}/client_key")
        .before_start(["sh", "-c", known_hosts])
        .tcp("127.0.0.1:{port}")
}
