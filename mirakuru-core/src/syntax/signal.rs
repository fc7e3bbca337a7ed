//! Names of signals.

use super::suggest;

/// Calls a macro with every signal that has a name here: its name, its constant in libc, and its
/// documentation.
macro_rules! with_signals {
    ($callback:ident) => {
        $callback! {
            HUP = SIGHUP, "The terminal was closed; many servers read their configuration again.";
            INT = SIGINT, "Ctrl-C. PostgreSQL stops fast.";
            QUIT = SIGQUIT, "nginx stops when its connections have ended.";
            ABRT = SIGABRT, "The process aborted itself.";
            KILL = SIGKILL, "Cannot be caught.";
            SEGV = SIGSEGV, "The process accessed memory that it cannot access.";
            USR1 = SIGUSR1, "For the server to define.";
            USR2 = SIGUSR2, "For the server to define.";
            PIPE = SIGPIPE, "The process wrote to a connection that has no reader.";
            ALRM = SIGALRM, "A timer has ended.";
            TERM = SIGTERM, "Asks a process to end.";
            CHLD = SIGCHLD, "A child has ended.";
            CONT = SIGCONT, "Continues a paused process.";
            STOP = SIGSTOP, "Pauses a process; cannot be caught.";
            TSTP = SIGTSTP, "Ctrl-Z.";
            WINCH = SIGWINCH, "The size of the terminal changed; Apache ends gracefully.";
            BUS = SIGBUS, "The process accessed memory that does not exist.";
            FPE = SIGFPE, "An arithmetic error.";
            ILL = SIGILL, "An illegal instruction.";
            TRAP = SIGTRAP, "A breakpoint.";
        }
    };
}

macro_rules! names {
    ($($name:ident = $number:ident, $doc:literal;)*) => {
        const NAMES: &[&str] = &[$(stringify!($name)),*];
    };
}

with_signals!(names);

#[allow(unused_imports, reason = "the macros crate needs the names only")]
pub(crate) use with_signals;

/// Returns the name of a signal without `SIG`.
pub(crate) fn find(text: &str) -> Result<&'static str, String> {
    let name = text.strip_prefix("SIG").unwrap_or(text);
    if let Some(known) = NAMES.iter().find(|known| **known == name) {
        return Ok(known);
    }
    let upper = text.to_uppercase();
    let upper = upper.strip_prefix("SIG").unwrap_or(&upper);
    Err(match suggest::name(upper, NAMES.iter().copied()) {
        Some(near) => format!("unknown signal `{text}`; did you mean `{near}`?"),
        None => {
            let known = suggest::alternatives(NAMES.iter().copied(), "and");
            format!("unknown signal `{text}`; known are {known}, and any by `Signal::new(number)`")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_may_have_its_prefix() {
        assert_eq!(find("INT"), Ok("INT"));
        assert_eq!(find("SIGUSR1"), Ok("USR1"));
    }

    #[test]
    fn an_unknown_signal_finds_its_neighbour() {
        for (text, meant) in [("int", "INT"), ("sigterm", "TERM"), ("SIGTREM", "TERM")] {
            assert!(find(text).unwrap_err().contains(&format!("mean `{meant}`")), "{text}");
        }
        assert!(find("STOPPED").unwrap_err().contains("known are `HUP`, "));
    }
}
