//! Properties that hold for any input, checked by the fuzz targets and by the tests below.
//!
//! Each function takes any bytes and panics if its property does not hold. The package `fuzz` has a
//! target and a corpus of inputs for each.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use crate::command::{self, CommandLine};
use crate::output::matcher::Matcher;
use crate::output::near_miss::near_miss;
use crate::supervisor::{Event, FRAME_LEN, Frame, Request, Settings};
use crate::syntax::template::{Captured, Piece, Template};

/// Checks that the pieces of a template make the same text again, that doubled braces make text of each
/// placeholder, and that a fault lies in the text.
pub fn template(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let names = CAPTURED.map(str::to_owned);
    let is_other = |name: &str| name == OTHER;
    let parse = |text: &str| Template::parse_with(text, Captured::These(&names), &is_other);
    match parse(text) {
        Ok(template) if !text.contains("{{") => {
            let written: Vec<_> = template.pieces.iter().map(written).collect();
            assert_eq!(written.concat(), text);
            let is_literal = |piece: &Piece| matches!(piece, Piece::Literal(_));
            let doubled = template.pieces.iter().zip(&written).map(|(piece, written)| {
                if is_literal(piece) { written.clone() } else { format!("{{{written}}}") }
            });
            let literal = parse(&doubled.collect::<String>()).map(|template| template.pieces);
            assert!(literal.is_ok_and(|pieces| pieces.iter().all(is_literal)), "{text:?}");
        }
        Ok(_) => {}
        Err(fault) => assert!(text.get(fault.at).is_some_and(|at| !at.is_empty()), "{text:?}"),
    }
}

/// Names that count as captured by an output pattern.
const CAPTURED: [&str; 2] = ["addr", "key"];

/// The name of another process.
const OTHER: &str = "db";

fn written(piece: &Piece) -> String {
    match piece {
        Piece::Literal(text) => text.clone(),
        Piece::Port(name) if name.is_empty() => "{port}".to_owned(),
        Piece::Port(name) => format!("{{port:{name}}}"),
        Piece::Udp(name) if name.is_empty() => "{udp}".to_owned(),
        Piece::Udp(name) => format!("{{udp:{name}}}"),
        Piece::LowPort(name) if name.is_empty() => "{low_port}".to_owned(),
        Piece::LowPort(name) => format!("{{low_port:{name}}}"),
        Piece::Captured(name) => format!("{{{name}}}"),
        Piece::Dir => "{dir}".to_owned(),
        Piece::Bin(name) => format!("{{bin:{name}}}"),
        Piece::Other(name, word) => format!("{{{name}.{word}}}"),
    }
}

/// Checks that the words of a command, written in one line, are split into the same words.
pub fn command(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(words) = CommandLine::from(text).words() {
        splits_into_itself(&words);
    }
    let words: Vec<_> = text.split('\n').map(OsString::from).collect();
    splits_into_itself(&words);
}

fn splits_into_itself(words: &[OsString]) {
    // A command with a zero byte is refused before it is written in one line.
    if words.iter().any(|word| word.as_bytes().contains(&0)) {
        return;
    }
    let line = command::in_one_line(words);
    let again = CommandLine::from(line.as_str()).words();
    assert!(again.is_ok_and(|again| again == words), "{words:?} in one line: {line:?}");
}

/// Checks that a message that can be read is written as it was.
pub fn protocol(data: &[u8]) {
    let frames = data.chunks(FRAME_LEN).filter_map(|frame| frame.first_chunk::<FRAME_LEN>());
    for frame in frames {
        survives::<Request>(*frame);
        survives::<Event>(*frame);
    }
    if let Some(settings) = Settings::from_bytes(data) {
        let again = Settings::from_bytes(&settings.to_bytes());
        assert_eq!(again, Some(settings));
    }
}

fn survives<F: Frame + Copy + PartialEq + std::fmt::Debug>(frame: [u8; FRAME_LEN]) {
    if let Some(message) = F::from_bytes(frame) {
        assert_eq!(F::from_bytes(message.to_bytes()), Some(message));
    }
}

/// Longer patterns and texts make a run slow and show nothing new.
const PATTERN_MAX: usize = 64;
const TEXT_MAX: usize = 256;

/// Checks that a pattern is found in a text that comes in pieces exactly when it is found in all of
/// them together, and at the same place. The first two bytes say how often it has to match and how
/// long the pieces are; the rest of the first line is the pattern.
pub fn pattern(data: &[u8]) {
    let [times, length, rest @ ..] = data else { return };
    let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
    let (pattern, text) = (&rest[..end], rest.get(end + 1..).unwrap_or_default());
    let Ok(pattern) = std::str::from_utf8(pattern) else { return };
    if pattern.len() > PATTERN_MAX || text.len() > TEXT_MAX {
        return;
    }
    let matcher = || Matcher::new(pattern, usize::from(times % 4) + 1).ok();
    let Some(mut in_pieces) = matcher() else { return };
    let mut end = 0;
    for piece in text.chunks(usize::from(*length).max(1)) {
        end += piece.len();
        let added = |matcher: &mut Matcher, piece: &[u8]| {
            matcher.feed(piece).or_else(|| matcher.unfinished())
        };
        let found = added(&mut in_pieces, piece);
        let Some(mut at_once) = matcher() else { return };
        let place = (added(&mut at_once, &text[..end]), at_once.match_end());
        let shown = String::from_utf8_lossy(&text[..end]);
        assert_eq!(found, place.0, "`{pattern}` in {shown:?}");
        if found.is_some() {
            assert_eq!(in_pieces.match_end(), place.1, "`{pattern}` in {shown:?}");
            assert!(place.1 <= end as u64, "`{pattern}` in {shown:?}");
            break;
        }
    }
    // Checked only for panics.
    let lines: Vec<_> = String::from_utf8_lossy(text).lines().map(str::to_owned).collect();
    let _ = (in_pieces.seen(), near_miss(pattern, &lines));
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::hash::{DefaultHasher, Hash, Hasher};
    use std::path::Path;
    use std::time::SystemTime;

    use super::*;

    /// The number of inputs that are made from each corpus.
    const MUTATIONS: usize = 4000;

    /// Bytes with a meaning in one of the texts.
    const SPECIAL: &[u8] = b"{}:'\"\\ \n\r\x1b[m^$#\0\xff09az";

    /// The variable that repeats a run.
    const SEED: &str = "MIRAKURU_STRESS_SEED";

    /// Numbers that a seed determines: the hashes of the seed and a counter.
    struct Random {
        seed: u64,
        counter: u64,
    }

    impl Random {
        fn below(&mut self, limit: usize) -> usize {
            self.counter += 1;
            let mut hasher = DefaultHasher::new();
            (self.seed, self.counter).hash(&mut hasher);
            hasher.finish() as usize % limit.max(1)
        }
    }

    fn seed() -> u64 {
        let now = SystemTime::UNIX_EPOCH.elapsed().map_or(1, |now| now.as_nanos() as u64);
        let seed = std::env::var(SEED).ok().and_then(|seed| seed.parse().ok()).unwrap_or(now);
        println!("{SEED}={seed}");
        seed
    }

    fn corpus(target: &str) -> Vec<Vec<u8>> {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/fuzz/corpus").join(target);
        let mut files: Vec<_> = fs::read_dir(dir).unwrap().map(|it| it.unwrap().path()).collect();
        files.sort();
        assert!(!files.is_empty(), "no input for {target}");
        files.iter().map(|file| fs::read(file).unwrap()).collect()
    }

    /// Changes a few bytes, or inserts a part of another input.
    fn mutated(inputs: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
        let mut input = inputs[random.below(inputs.len())].clone();
        for _ in 0..=random.below(4) {
            let at = random.below(input.len() + 1);
            let byte = SPECIAL[random.below(SPECIAL.len())];
            match random.below(5) {
                0 => input.insert(at, byte),
                1 if at < input.len() => drop(input.remove(at)),
                2 if at < input.len() => input[at] = byte,
                3 if at < input.len() => input[at] = random.below(256) as u8,
                _ => {
                    let other = &inputs[random.below(inputs.len())];
                    let end = random.below(other.len() + 1);
                    let begin = random.below(end + 1);
                    input.splice(at..at, other[begin..end].iter().copied());
                }
            }
        }
        input
    }

    /// Checks a property for the inputs of the corpus and for mutations of them.
    fn holds(target: &str, property: fn(&[u8])) {
        let inputs = corpus(target);
        inputs.iter().for_each(|input| property(input));
        let mut random = Random { seed: seed(), counter: 0 };
        for _ in 0..MUTATIONS {
            let input = mutated(&inputs, &mut random);
            println!("{target}: {:?}", String::from_utf8_lossy(&input));
            property(&input);
        }
    }

    #[test]
    fn a_template_makes_the_same_text_again() {
        holds("template", template);
    }

    #[test]
    fn a_command_in_one_line_is_split_into_the_same_words() {
        holds("command", command);
    }

    #[test]
    fn a_message_that_was_read_is_written_as_it_was() {
        holds("protocol", protocol);
    }

    #[test]
    fn a_pattern_is_found_in_whichever_pieces_a_text_comes() {
        holds("pattern", pattern);
    }
}
