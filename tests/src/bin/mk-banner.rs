//! Prints N filler lines, after the delay the text (`ready`), then goes on until SIGTERM.
//! `mk-banner [--delay MS] [--lines N] [--text TEXT] [--stderr] [--no-newline] [--split]
//! [--then X]`
//!
//! `--split` prints the text in two halves, 200 ms apart.
//! X is `sleep`, `exit CODE`, `flood BYTES` or `chat MS` (a line each MS milliseconds).

use std::io::{self, Write};
use std::process;

use mirakuru_tests::program::{self, Args, become_ready, flood, pause, sleep_forever};

/// Long enough for a reader to see the two halves apart.
const BETWEEN_HALVES: Option<u64> = Some(200); // milliseconds

fn main() -> io::Result<()> {
    let mut args = program::begin();
    let delay = args.value("--delay");
    let filler = args.value::<usize>("--lines").unwrap_or(0) * 81;
    let split = args.flag("--split");
    let mut text = args.value("--text").unwrap_or(String::from("ready"));
    if !args.flag("--no-newline") {
        text.push('\n');
    }
    let mut out: Box<dyn Write> =
        if args.flag("--stderr") { Box::new(io::stderr()) } else { Box::new(io::stdout()) };
    let then = Then::from(&mut args);
    args.end();

    program::exit_on_term(|| ());
    flood(&mut out, filler)?;
    if split {
        let half = text.char_indices().nth(text.chars().count() / 2).map_or(0, |(at, _)| at);
        write_now(&mut out, &text[..half])?;
        text.drain(..half);
        pause(BETWEEN_HALVES);
    }
    become_ready(delay)?;
    write_now(&mut out, &text)?;
    then.go_on(&mut out)
}

fn write_now(out: &mut dyn Write, text: &str) -> io::Result<()> {
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// What comes after the banner.
enum Then {
    Sleep,
    Exit(i32),
    /// So many bytes of lines, then sleep.
    Flood(usize),
    /// A line each so many milliseconds, for ever.
    Chat(u64),
}

impl Then {
    fn from(args: &mut Args) -> Then {
        let word = args.value::<String>("--then").unwrap_or(String::from("sleep"));
        match word.as_str() {
            "sleep" => Then::Sleep,
            "exit" => Then::Exit(args.positional("CODE")),
            "flood" => Then::Flood(args.positional("BYTES")),
            "chat" => Then::Chat(args.positional("MS")),
            other => program::fail(format_args!("--then `{other}`")),
        }
    }

    fn go_on(self, out: &mut dyn Write) -> io::Result<()> {
        match self {
            Then::Sleep => sleep_forever(),
            Then::Exit(code) => process::exit(code),
            Then::Flood(bytes) => {
                flood(out, bytes)?;
                sleep_forever()
            }
            Then::Chat(millis) => loop {
                write_now(out, "and on\n")?;
                pause(Some(millis));
            },
        }
    }
}
