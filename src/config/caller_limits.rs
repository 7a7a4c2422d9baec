//! What each caller may use, unless its key says otherwise (ADR 30).

use super::env::Env;
use super::variables::{
    CALLER_COST_USD_PER_DAY, CALLER_TOKENS_PER_DAY, CALLER_TURNS_AT_ONCE, CALLER_TURNS_PER_MINUTE,
    Variable,
};
use crate::domain::{CallerLimits, Cost};

pub(super) fn caller_limits(env: &mut Env) -> CallerLimits {
    CallerLimits {
        turns_per_minute: number(env, &CALLER_TURNS_PER_MINUTE, CallerLimits::MAX_TURNS),
        turns_at_once: number(env, &CALLER_TURNS_AT_ONCE, CallerLimits::MAX_TURNS),
        tokens_per_day: number(env, &CALLER_TOKENS_PER_DAY, CallerLimits::MAX_TOKENS),
        cost_per_day: cost(env),
    }
}

fn number(env: &mut Env, variable: &Variable, most: u64) -> Option<u64> {
    let expected = format!("must be a whole number from 1 to {most}");
    env.parsed(variable, &expected, |number| (1..=most).contains(number))
}

fn cost(env: &mut Env) -> Option<Cost> {
    let expected = "must be an amount of dollars from 0.0001 to 1000000, with at most nine \
        decimals, such as 0.50";
    let is_fine = |cost: &Cost| (CallerLimits::MIN_COST..=CallerLimits::MAX_COST).contains(cost);
    env.parsed(&CALLER_COST_USD_PER_DAY, expected, is_fine)
}
