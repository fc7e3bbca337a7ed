//! Exits with the code, after the delay and a line on stderr if there is one.
//! `mk-exit CODE [--delay MS] [--stderr TEXT]`

use std::process;

use mirakuru_tests::program;

fn main() {
    let mut args = program::begin();
    let delay = args.value("--delay");
    let text: Option<String> = args.value("--stderr");
    let code = args.positional("CODE");
    args.end();

    program::pause(delay);
    if let Some(text) = text {
        eprintln!("{text}");
    }
    process::exit(code)
}
