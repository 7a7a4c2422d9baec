//! Trouble on purpose, from seeds: kills, random scripts, replicas, requests that come twice.

mod copies;
mod copy_plan;
mod doubles;
mod killed;
mod killing;
mod plain;
mod replicas;
mod scripts;
mod turns;

use std::fmt::Debug;

use futures::StreamExt;
use futures::stream::iter;

/// How many seeds a test tries: few beside other tests, `CHAOS_SEEDS` where there is time.
fn seeds(few: u64) -> std::ops::Range<u64> {
    let many = std::env::var("CHAOS_SEEDS").ok();
    0..many.map_or(few, |many| many.parse().unwrap())
}

/// Runs a scenario for each seed, several at a time; a failure names the seed.
async fn for_each_seed<F>(few: u64, together: usize, scenario: impl Fn(u64) -> F)
where
    F: Future<Output: Debug + Send> + Send + 'static,
{
    let run = |seed| {
        let running = tokio::spawn(scenario(seed));
        async move { running.await.unwrap_or_else(|failed| panic!("seed {seed}: {failed}")) }
    };
    iter(seeds(few)).map(run).buffer_unordered(together).for_each(async |_| {}).await;
}

/// Numbers that are the same for the same seed (`SplitMix64`).
#[derive(Clone, Debug)]
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }

    fn one_of<T: Clone>(&mut self, choices: &[T]) -> T {
        let count = u64::try_from(choices.len()).unwrap();
        choices[usize::try_from(self.below(count)).unwrap()].clone()
    }
}
