//! Runs a program that the kernel refuses some system calls, as in a sandbox.
//! `mk-refuse KIND[,KIND]… PROGRAM [ARG]…`, with the kinds `netlink`, `inotify`, `pidfd`, `subreaper`.

#[cfg(target_os = "linux")]
fn main() -> std::io::Result<()> {
    use std::os::unix::process::CommandExt;

    let mut words = std::env::args_os().skip(1);
    let refused = words.next().expect("a name of calls").into_string().expect("UTF-8");
    let mut command = std::process::Command::new(words.next().expect("a program"));
    for kind in refused.split(',') {
        filter::install(&filter::refusing(kind))?;
    }
    Err(command.args(words).exec())
}

#[cfg(not(target_os = "linux"))]
fn main() {}

#[cfg(target_os = "linux")]
mod filter {
    use std::ffi::{c_long, c_ulong};
    use std::io;

    use nix::libc::{self, sock_filter, sock_fprog};

    /// Where the kernel puts the number of a call, and its first argument.
    const NUMBER: u32 = 0;
    const FIRST_ARGUMENT: u32 = if cfg!(target_endian = "little") { 16 } else { 20 };

    const LOAD: u32 = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
    const JUMP_IF_EQUAL: u32 = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
    const RETURN: u32 = libc::BPF_RET | libc::BPF_K;

    /// Returns the program that refuses these calls.
    pub(crate) fn refusing(name: &str) -> Vec<sock_filter> {
        let calls: &[(c_long, Option<i32>, i32)] = match name {
            "netlink" => &[(libc::SYS_socket, Some(libc::AF_NETLINK), libc::EAFNOSUPPORT)],
            "inotify" => &[(libc::SYS_inotify_init1, None, libc::EMFILE)],
            "pidfd" => &[
                (libc::SYS_pidfd_open, None, libc::ENOSYS),
                (libc::SYS_pidfd_send_signal, None, libc::ENOSYS),
            ],
            "subreaper" => &[(libc::SYS_prctl, Some(libc::PR_SET_CHILD_SUBREAPER), libc::EPERM)],
            _ => panic!("unknown calls: {name}"),
        };
        let mut program = Vec::new();
        for (number, argument, errno) in calls {
            let refusal = statement(RETURN, libc::SECCOMP_RET_ERRNO | *errno as u32);
            let check = |at, value, skipped| {
                [
                    statement(LOAD, at),
                    sock_filter { jf: skipped, ..statement(JUMP_IF_EQUAL, value) },
                ]
            };
            let argument = argument.map(|value| check(FIRST_ARGUMENT, value as u32, 1));
            let skipped = if argument.is_some() { 3 } else { 1 };
            program.extend(check(NUMBER, *number as u32, skipped));
            program.extend(argument.into_iter().flatten());
            program.push(refusal);
        }
        program.push(statement(RETURN, libc::SECCOMP_RET_ALLOW));
        program
    }

    fn statement(code: u32, value: u32) -> sock_filter {
        sock_filter { code: code as u16, jt: 0, jf: 0, k: value }
    }

    /// Installs the program, for this process and all that it will start.
    pub(crate) fn install(program: &[sock_filter]) -> io::Result<()> {
        nix::sys::prctl::set_no_new_privs()?;
        let filter = program.as_ptr().cast_mut();
        let program = sock_fprog { len: program.len() as u16, filter };
        let mode = libc::SECCOMP_MODE_FILTER as c_ulong;
        // SAFETY: the kernel reads the program, which lives until the call returns.
        match unsafe { libc::prctl(libc::PR_SET_SECCOMP, mode, &raw const program) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }
}
