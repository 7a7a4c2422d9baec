//! What a model's tokens cost: a built-in table, and a file that adds to it (ADR 16).

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};

use base::domain::{Cost, Usage};

/// Far more than an operator uses.
const MAX_MODELS: usize = 1_000;

/// Dollars for a million tokens, a thousand times the most expensive model: above is a typing
/// error.
const MAX_PRICE: Cost = Cost::from_nanos(1_000_000 * DOLLAR);

const DOLLAR: u64 = 1_000_000_000;

/// Prices are for this many tokens, as providers write them.
const TOKENS: u128 = 1_000_000;

/// Prices by model name. Clones share the table.
#[derive(Clone, Debug)]
pub struct Prices(Arc<HashMap<String, Price>>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Price {
    /// Of the prompt.
    pub input: Cost,
    /// Of the answer and of thinking.
    pub output: Cost,
    /// Of the cached part of the prompt.
    pub cached: Cost,
}

/// All faults of a table of prices. Contains no price.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
pub struct InvalidPrices(pub Vec<PriceFault>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceFault {
    /// None if the fault is in the text as a whole.
    pub model: Option<String>,
    pub problem: &'static str,
}

impl Prices {
    pub fn of(&self, model: &str) -> Option<Price> {
        self.0.get(plain(model)).copied()
    }

    /// The built-in table, overridden and extended by a file:
    /// `{"<model>": {"input": 0.30, "output": 2.50, "cached": 0.03}}`, in dollars for a million
    /// tokens. Without `cached`, cached tokens cost as much as other input.
    pub fn read(json: &str) -> Result<Self, InvalidPrices> {
        let (mut prices, mut faults) = (built_in(), Vec::new());
        for (model, entry) in entries(json)? {
            let found = faults.len();
            let price = read_price(&model, &entry, &mut faults);
            if faults.len() == found {
                prices.extend(price.map(|price| (plain(&model).to_owned(), price)));
            }
        }
        if faults.is_empty() { Ok(Self(Arc::new(prices))) } else { Err(InvalidPrices(faults)) }
    }
}

impl Default for Prices {
    fn default() -> Self {
        Self(Arc::new(built_in()))
    }
}

impl Price {
    pub const FREE: Self = Self {
        input: Cost::from_nanos(0),
        output: Cost::from_nanos(0),
        cached: Cost::from_nanos(0),
    };

    /// The cost of this usage, rounded up, so never less than the bill.
    pub fn of(&self, usage: &Usage) -> Cost {
        let cached = usage.cached_tokens.min(usage.input_tokens);
        let answered = usage.output_tokens.saturating_add(usage.thinking_tokens);
        let parts = [
            (usage.input_tokens - cached, self.input),
            (cached, self.cached),
            (answered, self.output),
        ];
        // Integers, because sums of floating point drift (ADR 16).
        let nanos = parts
            .into_iter()
            .map(|(tokens, price)| u128::from(tokens).saturating_mul(u128::from(price.nanos())));
        let nanos = nanos.fold(0, u128::saturating_add).div_ceil(TOKENS);
        Cost::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

impl fmt::Display for PriceFault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.model {
            Some(model) => write!(out, "model {model}: {}", self.problem),
            None => out.write_str(self.problem),
        }
    }
}

/// Thousandths of a dollar for a million tokens: input, output, cached. As published in November
/// 2026. Where no lower price of cached tokens is known, the full one is used.
const BUILT_IN: [(&str, u64, u64, u64); 4] = [
    ("gemini-2.5-flash", 300, 2_500, 30),
    ("gemini-2.5-flash-lite", 100, 400, 100),
    ("gemini-3.5-flash-lite", 300, 2_500, 30),
    ("gemini-3.6-flash", 1_500, 7_500, 1_500),
];

fn built_in() -> HashMap<String, Price> {
    let cost = |thousandths: u64| Cost::from_nanos(thousandths * (DOLLAR / 1_000));
    let priced = |(model, input, output, cached): (&str, u64, u64, u64)| {
        let price = Price { input: cost(input), output: cost(output), cached: cost(cached) };
        (model.to_owned(), price)
    };
    BUILT_IN.into_iter().map(priced).collect()
}

/// Google lists its models as `models/…` and accepts both forms.
fn plain(model: &str) -> &str {
    model.strip_prefix("models/").unwrap_or(model)
}

fn entries(json: &str) -> Result<Map<String, Value>, InvalidPrices> {
    let whole = |problem| Err(InvalidPrices(vec![PriceFault { model: None, problem }]));
    match serde_json::from_str(json) {
        Ok(Value::Object(entries)) if entries.len() > MAX_MODELS => {
            whole("there are more than 1000 models; use fewer")
        }
        Ok(Value::Object(entries)) => Ok(entries),
        Ok(_) | Err(_) => whole(
            r#"the text is not a JSON object {"<model>": {"input": 0.30, "output": 2.50, "cached": 0.03}}"#,
        ),
    }
}

fn read_price(model: &str, entry: &Value, faults: &mut Vec<PriceFault>) -> Option<Price> {
    let mut fault = |problem| faults.push(PriceFault { model: Some(model.to_owned()), problem });
    if plain(model).trim().is_empty() {
        fault("its name is empty");
    }
    let Value::Object(entry) = entry else {
        fault("its entry is not an object");
        return None;
    };
    if entry.keys().any(|key| !matches!(key.as_str(), "input" | "output" | "cached")) {
        fault(r#"it has members besides "input", "output" and "cached""#);
    }
    let input = entry.get("input").and_then(cost);
    if input.is_none() {
        fault(r#""input" must be a number of dollars from 0 to 1000000 for a million tokens"#);
    }
    let output = entry.get("output").and_then(cost);
    if output.is_none() {
        fault(r#""output" must be a number of dollars from 0 to 1000000 for a million tokens"#);
    }
    let cached = entry.get("cached").map_or(input, cost);
    if entry.contains_key("cached") && cached.is_none() {
        fault(r#""cached" must be a number of dollars from 0 to 1000000 for a million tokens"#);
    }
    Some(Price { input: input?, output: output?, cached: cached? })
}

/// By way of its shortest decimal form, which is what the file has: 0.1 stays exact.
fn cost(value: &Value) -> Option<Cost> {
    let cost: Cost = value.as_f64()?.to_string().parse().ok()?;
    Some(cost).filter(|cost| *cost <= MAX_PRICE)
}
