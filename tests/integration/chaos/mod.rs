//! Trouble on purpose, from seeds: kills, random scripts, replicas, requests that come twice.

mod approvals;
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

use crate::support::random::Random;

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
