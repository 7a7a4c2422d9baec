//! Lines of the log: what stands in them, and what becomes of them when nobody reads.

use std::io::{self, Write};
use std::panic;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread;

use orchestrator::observability::{Background, JsonLines, LogFormat, log_panic};
use serde_json::Value;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::JsonFields;
use tracing_subscriber::layer::SubscriberExt;

use crate::support::watchdog::Watchdog;

#[test]
fn a_field_stands_once_in_a_line_and_the_innermost_counts() {
    let lines = logged(|| {
        let outer = tracing::info_span!("outer", id = 1, name = "a \"quoted\" name");
        let _inner =
            outer.in_scope(|| tracing::info_span!("inner", id = 2, level = "low").entered());
        tracing::info!(id = 3, text = "x\ny", "Done");
        tracing::info!("Done again");
    });

    for (line, id) in lines.iter().zip([3, 2]) {
        assert_eq!(line.matches("\"id\":").count(), 1, "{line}");
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["id"], id);
        assert_eq!(line["name"], "a \"quoted\" name");
        assert_eq!(line["level"], "INFO", "a field may not hide what every line has");
    }
}

#[test]
fn a_panic_is_one_line_with_its_place_and_none_of_its_words() {
    let (usual, ours) = (panic::take_hook(), thread::current().id());
    panic::set_hook(Box::new(move |panic| {
        if thread::current().id() == ours { log_panic(panic) } else { usual(panic) }
    }));

    let lines = logged(|| {
        let word = "geheim";
        assert!(panic::catch_unwind(|| panic!("{word}")).is_err());
    });

    let [line] = &lines[..] else { panic!("{lines:?}") };
    assert!(!line.contains("geheim"), "{line}");
    let line: Value = serde_json::from_str(line).unwrap();
    assert_eq!(
        (&line["level"], &line["message"]),
        (&"ERROR".into(), &"The program panicked".into())
    );
    assert!(line["panic.location"].as_str().unwrap().contains("observability/mod.rs:"), "{line}");
}

#[test]
fn lost_lines_are_told_in_the_form_of_the_others() {
    for (format, sign) in [
        (LogFormat::Json, "\"message\":\"Log lines lost\""),
        (LogFormat::Pretty, "WARN Log lines lost lines="),
    ] {
        let (out, go_on) = Stuck::new();
        let text = Arc::clone(&out.text);
        let (lines, background) = Background::start(out, format).unwrap();
        // More than wait and are written together.
        for _ in 0..50_000 {
            lines.make_writer().write_all(b"{}\n").unwrap();
        }
        drop(go_on);
        drop(background);

        let text = text.lock().unwrap();
        let text = String::from_utf8_lossy(&text);
        let told = text.lines().find(|line| line.contains("lost")).unwrap();
        assert!(told.contains(sign) && told.contains("20") && told.contains('Z'), "{told}");
        assert_eq!(
            format == LogFormat::Json,
            serde_json::from_str::<Value>(told).is_ok(),
            "{told}"
        );
    }
}

#[test]
fn a_reader_that_is_stuck_does_not_keep_the_program_from_ending() {
    for lines_waiting in [1, 5_000] {
        let (out, _never) = Stuck::new();
        let (lines, background) = Background::start(out, LogFormat::Json).unwrap();
        for _ in 0..lines_waiting {
            lines.make_writer().write_all(b"{}\n").unwrap();
        }

        let watchdog = Watchdog::new();
        drop(background);

        watchdog.check("the log ends");
    }
}

/// Blocks at the first write until it is let go.
struct Stuck {
    go_on: Receiver<()>,
    text: Arc<Mutex<Vec<u8>>>,
}

impl Stuck {
    fn new() -> (Self, std::sync::mpsc::Sender<()>) {
        let (sender, go_on) = channel();
        (Self { go_on, text: Arc::default() }, sender)
    }
}

impl Write for Stuck {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _let_go = self.go_on.recv();
        self.text.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The lines that are logged on this thread meanwhile.
fn logged(work: impl FnOnce()) -> Vec<String> {
    let text = Arc::new(Mutex::new(Vec::new()));
    let writer = Writer(Arc::clone(&text));
    let layer = tracing_subscriber::fmt::layer().with_writer(move || writer.clone());
    let layer = layer.fmt_fields(JsonFields::new()).event_format(JsonLines);
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        tracing::callsite::rebuild_interest_cache();
        work();
    });
    let text = String::from_utf8(text.lock().unwrap().clone()).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[derive(Clone)]
struct Writer(Arc<Mutex<Vec<u8>>>);

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
