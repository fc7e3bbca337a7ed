//! Starts servers without this library: `bench-limits tree|event|hand`.

use std::env;

use bench_worker::by_hand::ByHand;
use bench_worker::direct::Direct;
use bench_worker::{Outcome, Peer, answer_requests};

fn main() -> Outcome {
    match env::args().nth(1).as_deref() {
        Some("tree") => answer(&Direct::new(false)?),
        Some("event") => answer(&Direct::new(true)?),
        Some("hand") => answer(&ByHand),
        _ => Err("give `tree`, `event` or `hand`".into()),
    }
}

fn answer(peer: &impl Peer) -> Outcome {
    answer_requests(peer, |words| Err(format!("there is no request `{}`", words.join(" ")).into()))
}
