use std::env;
use std::fmt::Display;
use std::process;
use std::str::FromStr;

/// The arguments of a program: first the options are taken out, then the positionals, then `end`.
///
/// A wrong argument ends the program with code 2 and a line that names it. Every program accepts
/// `--mark TEXT` and ignores it: tests find their processes by it.
#[derive(Debug)]
pub struct Args {
    rest: Vec<String>,
    mark: Option<String>,
}

impl Args {
    /// The arguments of this process.
    pub fn from_env() -> Args {
        Args::new(env::args().skip(1))
    }

    fn new(args: impl Iterator<Item = String>) -> Args {
        let mut args = Args { rest: args.collect(), mark: None };
        args.mark = args.value("--mark");
        args
    }

    /// Returns the value of `--mark`, for the processes that this one starts.
    pub fn mark(&self) -> Option<&str> {
        self.mark.as_deref()
    }

    /// Returns true if the option is given.
    pub fn flag(&mut self, name: &str) -> bool {
        let place = self.rest.iter().position(|arg| arg == name);
        place.map(|at| self.rest.remove(at)).is_some()
    }

    /// Returns the value of the option, if it is given.
    pub fn value<T: FromStr<Err: Display>>(&mut self, name: &str) -> Option<T> {
        let at = self.rest.iter().position(|arg| arg == name)?;
        self.rest.remove(at);
        if at == self.rest.len() {
            fail(format_args!("{name} needs a value"));
        }
        Some(parse(name, &self.rest.remove(at)))
    }

    /// Returns the next positional argument. `name` is for the error.
    pub fn positional<T: FromStr<Err: Display>>(&mut self, name: &str) -> T {
        self.optional(name).unwrap_or_else(|| fail(format_args!("{name} is missing")))
    }

    /// Returns the next positional argument, if there is one.
    pub fn optional<T: FromStr<Err: Display>>(&mut self, name: &str) -> Option<T> {
        let at = self.rest.iter().position(|arg| !arg.starts_with("--"))?;
        Some(parse(name, &self.rest.remove(at)))
    }

    /// Returns the remaining arguments in their order.
    pub fn rest(self) -> Vec<String> {
        self.rest
    }

    /// Ends the program with an error if arguments remain.
    pub fn end(self) {
        if let Some(arg) = self.rest.first() {
            fail(format_args!("unknown argument `{arg}`"));
        }
    }
}

fn parse<T: FromStr<Err: Display>>(name: &str, value: &str) -> T {
    value.parse().unwrap_or_else(|err| fail(format_args!("{name} `{value}`: {err}")))
}

/// Prints the complaint and ends the program with code 2.
pub fn fail(complaint: impl Display) -> ! {
    eprintln!("{complaint}");
    process::exit(2)
}

#[cfg(test)]
mod tests {
    use super::Args;

    fn args(line: &str) -> Args {
        Args::new(line.split_whitespace().map(String::from))
    }

    #[test]
    fn options_and_positionals_come_in_any_order() {
        let mut args = args("--delay 5 8080 --immortal");
        assert_eq!(args.value::<u64>("--delay"), Some(5));
        assert!(args.flag("--immortal"));
        assert_eq!(args.positional::<u16>("PORT"), 8080);
        args.end();
    }

    #[test]
    fn a_mark_is_accepted_anywhere() {
        let mut args = args("3 --mark abc");
        assert_eq!(args.mark(), Some("abc"));
        assert_eq!(args.positional::<i32>("CODE"), 3);
        args.end();
    }

    #[test]
    fn what_is_absent_is_none() {
        let mut args = args("");
        assert!(!args.flag("--empty"));
        assert_eq!(args.value::<u64>("--delay"), None);
        assert_eq!(args.optional::<u64>("BYTES"), None);
    }
}
