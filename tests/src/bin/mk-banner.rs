//! Prints N filler lines, after the delay the text (`ready`), and waits for SIGTERM.
//! `mk-banner [--delay MS] [--lines N] [--text TEXT] [--stderr] [--no-newline] [--split]
//! [--flood BYTES | --chat MS]`
//!
//! `--split` prints the text in two halves, 200 ms apart. After the text, `--flood` prints that
//! many bytes of lines, and `--chat` a line every MS milliseconds.

use std::io::{self, Write};

use mirakuru_tests::program::{self, become_ready, flood, pause, sleep_forever};

/// Long enough for a reader to read the two halves separately.
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
    let flood_after = args.value("--flood").unwrap_or(0);
    let chat = args.value("--chat");
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
    flood(&mut out, flood_after)?;
    match chat {
        Some(millis) => keep_printing(&mut out, millis),
        None => sleep_forever(),
    }
}

fn write_now(out: &mut dyn Write, text: &str) -> io::Result<()> {
    out.write_all(text.as_bytes())?;
    out.flush()
}

fn keep_printing(out: &mut dyn Write, millis: u64) -> io::Result<()> {
    loop {
        write_now(out, "and on\n")?;
        pause(Some(millis));
    }
}
