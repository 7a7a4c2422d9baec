//! Sets up the log once, at the start of the process (ADR 4).

use std::io;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::JsonFields;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use super::panic::log_panics;
use super::{Background, JsonLines, LogQueue};

/// Crates that log bodies or texts: only their warnings pass, or nothing (ADR 4).
const QUIET: &[(&str, LevelFilter)] = &[
    ("async_openai", LevelFilter::OFF),
    // Its errors contain whole addresses, whose parameters may include a key (ADR 1).
    ("rmcp", LevelFilter::OFF),
    // It logs statements, slow ones even as warnings.
    ("sqlx", LevelFilter::OFF),
    ("hyper", LevelFilter::WARN),
    ("reqwest", LevelFilter::WARN),
    ("rustls", LevelFilter::WARN),
    ("h2", LevelFilter::WARN),
    ("tower", LevelFilter::WARN),
];

#[derive(Clone, Copy, Debug)]
pub struct LogSettings {
    /// Less severe events are left out.
    pub level: LevelFilter,
    pub format: LogFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object per line.
    Json,
    /// Coloured text for a terminal.
    Pretty,
}

/// Logs to standard error, panics included, until the returned value is dropped. Never to standard
/// output, which is MCP's for `todo`.
pub fn init(settings: LogSettings) -> io::Result<Background> {
    let (queue, background) = Background::start(io::stderr(), settings.format)?;
    let targets = Targets::new().with_default(settings.level);
    let quiet = QUIET.iter().map(|(target, most)| (*target, settings.level.min(*most)));
    let targets = targets.with_targets(quiet);
    let layer = layer(settings.format, queue).with_filter(targets);
    tracing_subscriber::registry().with(layer).try_init().map_err(io::Error::other)?;
    log_panics();
    Ok(background)
}

fn layer<S>(format: LogFormat, queue: LogQueue) -> Box<dyn Layer<S> + Send + Sync>
where
    S: tracing::Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
{
    let layer = tracing_subscriber::fmt::layer().with_writer(queue);
    match format {
        LogFormat::Json => Box::new(layer.fmt_fields(JsonFields::new()).event_format(JsonLines)),
        LogFormat::Pretty => Box::new(layer.with_target(false).compact()),
    }
}
