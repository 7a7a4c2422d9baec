//! One event as one JSON object: the event's own fields, then those of every span around it.

use std::fmt;

use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::{JsonFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

/// Formats events; spans must be formatted by [`JsonFields`].
#[derive(Clone, Copy, Debug, Default)]
pub struct JsonLines;

impl<S> FormatEvent<S, JsonFields> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, JsonFields>,
        mut out: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let (now, meta) = (jiff::Timestamp::now(), event.metadata());
        write!(out, r#"{{"timestamp":"{now:.6}","level":"{}""#, meta.level())?;
        write!(out, r#","target":"{}""#, meta.target())?;
        let mut own = String::new();
        context.format_fields(Writer::new(&mut own), event)?;
        append(&mut out, &own)?;
        for span in context.event_scope().into_iter().flatten() {
            if let Some(fields) = span.extensions().get::<FormattedFields<JsonFields>>() {
                append(&mut out, fields)?;
            }
        }
        out.write_str("}\n")
    }
}

/// Puts the members of one JSON object into another that is being written.
fn append(out: &mut Writer<'_>, object: &str) -> fmt::Result {
    let members = object.trim().strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    match members {
        Some(members) if !members.is_empty() => write!(out, ",{members}"),
        Some(_) | None => Ok(()),
    }
}
