//! `GET /usage`: what the caller has used, by day and model, and what is left of its limits (ADR 30).

use axum::Json;
use axum::extract::{RawQuery, State};
use chat::{ModelUsage, Policy, Share, USAGE_DAYS, UsageReport};
use jiff::civil::date;
use jiff::{Span, ToSpan};
use serde_json::{Map, Value, json};

use super::error::{ApiError, BrokenRule};
use super::http::authentication::Asking;
use super::http::rate_limit::name;
use super::state::Api;
use base::domain::{Cost, Estimate, Spend};

/// How many days are told if the caller names no number.
const DAYS: u32 = 31;

pub(super) async fn tell(
    State(api): State<Api>,
    Asking(caller): Asking,
    RawQuery(query): RawQuery,
) -> Result<Json<Value>, ApiError> {
    let days = days_in(query.as_deref().unwrap_or_default())?;
    // Held to the end, like a list: many rows are in memory until they are serialised.
    let _place = api.lists.place().await?;
    let UsageReport { allowance, usage } = api.chat.usage_of(&caller, days).await?;
    let limits: Vec<_> = allowance.shares().iter().map(limit).collect();
    let days: Vec<_> = usage.chunk_by(|one, next| one.day == next.day).map(day).collect();
    Ok(Json(json!({ "limits": limits, "days": days })))
}

/// The parameter `days`; other parameters are ignored.
fn days_in(query: &str) -> Result<u32, ApiError> {
    let named = query.split('&').find_map(|pair| pair.strip_prefix("days="));
    let Some(days) = named else { return Ok(DAYS) };
    let days = days.parse().ok().filter(|days| (1..=USAGE_DAYS).contains(days));
    days.ok_or_else(|| {
        let message = format!("days is a whole number from 1 to {USAGE_DAYS}.");
        ApiError::Rules(vec![BrokenRule::new("/query/days".to_owned(), "bad_days", message)])
    })
}

fn limit(share: &Share) -> Value {
    let amount = |amount| match share.policy {
        Policy::CostPerDay => json!(Cost::from_nanos(amount).usd()),
        Policy::TurnsPerMinute | Policy::TurnsAtOnce | Policy::TokensPerDay => json!(amount),
    };
    let mut limit = Map::new();
    limit.insert("name".to_owned(), name(share.policy).into());
    limit.insert("limit".to_owned(), amount(share.limit));
    limit.insert("used".to_owned(), amount(share.used));
    limit.insert("left".to_owned(), amount(share.left()));
    if let Some(time) = share.resets_in {
        limit.insert("resets_in_seconds".to_owned(), time.as_secs_f64().ceil().into());
    }
    Value::Object(limit)
}

/// The rows of one day.
fn day(rows: &[ModelUsage]) -> Value {
    let days: Span = rows.first().map_or(0, |row| row.day).days();
    let mut day = Map::new();
    day.insert("day".to_owned(), json!(date(1970, 1, 1).saturating_add(days)));
    day.extend(amounts(rows));
    let models = rows.iter().map(|row| {
        // What is not known is null, and no name.
        let model = Some(&row.model).filter(|model| !model.is_empty());
        let mut entry = Map::from_iter([("model".to_owned(), json!(model))]);
        entry.extend(amounts(std::slice::from_ref(row)));
        Value::Object(entry)
    });
    day.insert("models".to_owned(), models.collect());
    Value::Object(day)
}

/// The sums of these rows. The cost is null if a part of it is unknown: a partial sum would look
/// complete (ADR 16). What limits count beside it is told apart (ADR 30).
fn amounts(rows: &[ModelUsage]) -> Map<String, Value> {
    let sum = |count: fn(&ModelUsage) -> u64| {
        rows.iter().fold(0_u64, |sum, row| sum.saturating_add(count(row)))
    };
    let spend = rows.iter().fold(Spend::default(), |sum, row| {
        let (usage, cost, unpriced_calls) = (row.usage, row.cost, row.unpriced_calls);
        sum + Spend { usage, cost, unpriced_calls }
    });
    let numbers = [
        ("turns", sum(|row| row.turns)),
        ("requests", sum(|row| row.requests)),
        ("input_tokens", spend.usage.input_tokens),
        ("cached_tokens", spend.usage.cached_tokens),
        ("output_tokens", spend.usage.output_tokens),
        ("thinking_tokens", spend.usage.thinking_tokens),
        ("unpriced_requests", spend.unpriced_calls),
    ];
    let mut amounts: Map<_, _> =
        numbers.into_iter().map(|(name, number)| (name.to_owned(), number.into())).collect();
    amounts.insert("cost_usd".to_owned(), json!(spend.whole_cost().map(Cost::usd)));
    let mut estimate = Estimate::default();
    for row in rows {
        estimate += row.estimate;
    }
    amounts.insert("estimated_tokens".to_owned(), estimate.tokens.into());
    amounts.insert("estimated_cost_usd".to_owned(), estimate.cost.usd().into());
    amounts
}
