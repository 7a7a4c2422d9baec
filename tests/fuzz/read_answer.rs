//! Throws bytes at the reading of an answer: one end, the same in any pieces, and never a panic.
//!
//! The first byte chooses the content type, the second how the rest is cut. By hand, in this folder,
//! with `cargo install cargo-fuzz` and a C++ compiler; a stable toolchain is enough:
//!
//! ```sh
//! cp ../../Cargo.lock . && cargo run --bin seeds
//! RUSTC_BOOTSTRAP=1 cargo fuzz run --fuzz-dir . --sanitizer none read_answer -- -max_total_time=240 -max_len=4096
//! ```

#![no_main]

use std::sync::LazyLock;

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use orchestrator::model::{Played, play};
use tokio::runtime::{Builder, Runtime};

use alike::hold_alike;

#[path = "../support/played.rs"]
mod alike;

const KINDS: [&str; 4] = ["text/event-stream", "application/json", "text/html", ""];

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_current_thread().enable_time().build().unwrap());

fuzz_target!(|input: &[u8]| {
    let [kind, cut, answer @ ..] = input else { return };
    let kind = KINDS[usize::from(*kind) % KINDS.len()];
    let at_once = played(kind, vec![Bytes::copy_from_slice(answer)]);
    let in_pieces = played(kind, pieces(answer, *cut));
    hold_alike(&at_once, &in_pieces, answer.len(), "cut and whole");
});

/// Pieces of all lengths up to 16, in an order that `seed` decides.
fn pieces(mut rest: &[u8], seed: u8) -> Vec<Bytes> {
    let (mut pieces, mut state) = (Vec::new(), u32::from(seed) | 1);
    while !rest.is_empty() {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let length = usize::try_from(state >> 28).unwrap() + 1;
        let (piece, left) = rest.split_at(length.min(rest.len()));
        pieces.push(Bytes::copy_from_slice(piece));
        rest = left;
    }
    pieces
}

fn played(kind: &str, pieces: Vec<Bytes>) -> Played {
    RUNTIME.block_on(play(kind, pieces))
}
