//! Writes one event as one JSON object: its own fields, then those of every span around it (ADR 4).
//! Ours, because tracing's own format nests the fields of spans.

use std::fmt;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::{JsonFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

/// Spans must be formatted by [`JsonFields`].
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
        let names = ["timestamp", "level", "target"].map(str::to_owned).to_vec();
        let mut members = JsonMembers { out: &mut out, names };
        members.append(&own)?;
        for span in context.event_scope().into_iter().flatten() {
            if let Some(fields) = span.extensions().get::<FormattedFields<JsonFields>>() {
                members.append(&fields.fields)?;
            }
        }
        out.write_str("}\n")
    }
}

/// The members of one object, collected from several. The first of a name wins, that of the event
/// or the innermost span: readers disagree about an object with two members of one name.
struct JsonMembers<'a, 'out> {
    out: &'a mut Writer<'out>,
    names: Vec<String>,
}

impl JsonMembers<'_, '_> {
    fn append(&mut self, object: &str) -> fmt::Result {
        let mut reader = serde_json::Deserializer::from_str(object);
        (&mut reader).deserialize_map(self).map_err(|_| fmt::Error)
    }

    /// Names are fields in our code, which need no escaping.
    fn write(&mut self, name: &str, value: &RawValue) -> fmt::Result {
        if self.names.iter().any(|known| known == name) {
            return Ok(());
        }
        self.names.push(name.to_owned());
        write!(self.out, r#","{name}":{value}"#)
    }
}

impl<'de> Visitor<'de> for &mut JsonMembers<'_, '_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while let Some((name, value)) = members.next_entry::<&'de str, &'de RawValue>()? {
            self.write(name, value).map_err(serde::de::Error::custom)?;
        }
        Ok(())
    }
}
