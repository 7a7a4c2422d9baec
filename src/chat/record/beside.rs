//! What a person sees of a tool's answer beside its step: images as items, links and other content in
//! words (ADR 48).

use std::fmt::Write as _;

use super::super::request::now;
use base::domain::{
    AllowedDomains, Item, ItemContent, ItemId, LinkFilter, Picture, ThreadId, ToolImage, ToolLink,
    ToolOutput, clean, shorten,
};

/// Images of one turn that are shown. An item with one is stored and listed as it is streamed.
const MAX_SHOWN: usize = 4;
const MAX_SHOWN_BYTES: usize = 256 * 1024;

/// Further links are only counted.
const MAX_LINKS: usize = 10;

/// In characters.
const MAX_NAME: usize = 100;

/// The images that are shown once the steps before them are complete.
#[derive(Debug, Default)]
pub(super) struct Pictures {
    waiting: Vec<ToolImage>,
    shown: usize,
}

impl Pictures {
    /// Takes the images that are shown. What else there is, as Markdown for the step; `None` if there
    /// is nothing.
    pub(super) fn take(&mut self, output: &ToolOutput, allowed: &AllowedDomains) -> Option<String> {
        let mut words = words_of_links(&output.links, allowed);
        for image in &output.images {
            if self.shown < MAX_SHOWN && image.url().len() <= MAX_SHOWN_BYTES {
                self.shown += 1;
                self.waiting.push(image.clone());
            } else {
                let kilobytes = image.bytes().div_ceil(1_000);
                write!(words, "\n\n[{}, {kilobytes} kB, not shown]", image.kind().name())
                    .unwrap_or_default();
            }
        }
        for unshown in &output.unshown {
            let unshown = plain(unshown);
            write!(words, "\n\n[{unshown}, not shown]").unwrap_or_default();
        }
        let words = words.trim_start();
        (!words.is_empty()).then(|| words.to_owned())
    }

    /// The items that come after the steps.
    pub(super) fn items(&mut self, thread: &ThreadId) -> Vec<Item> {
        let item = |image: ToolImage| {
            let id = ItemId::new_message();
            let image = Picture { id: id.to_string(), url: image.url().to_owned() };
            let content = ItemContent::GeneratedImage { image: Some(image) };
            Item { id, thread_id: thread.clone(), created_at: now(), content }
        };
        self.waiting.drain(..).map(item).collect()
    }
}

/// A link can be clicked only if its domain is allowed (ADR 43). Others stay readable.
fn words_of_links(links: &[ToolLink], allowed: &AllowedDomains) -> String {
    let mut words = String::new();
    for ToolLink { uri, name, .. } in links.iter().take(MAX_LINKS) {
        let (name, uri) = (shorten(&plain(name), MAX_NAME), plain(uri));
        // Nothing in it ends the link, or the text of the link.
        let is_whole = !uri.contains(['(', ')', '<', '>', ' ', '\\']);
        let is_web = ["https://", "http://"].iter().any(|scheme| uri.starts_with(scheme));
        if is_whole && is_web {
            write!(words, "\n\n[{name}]({uri})").unwrap_or_default();
        } else {
            write!(words, "\n\n{name}: {uri}").unwrap_or_default();
        }
    }
    let more = links.len().saturating_sub(MAX_LINKS);
    if more > 0 {
        write!(words, "\n\n[and {more} more]").unwrap_or_default();
    }
    let mut filter = LinkFilter::new(allowed.clone());
    let shown = filter.filter(&words);
    shown + &filter.rest()
}

/// On one line, without what Markdown reads as a part of a link.
fn plain(text: &str) -> String {
    clean(text).replace(['\n', '\r', '\t', '[', ']', '`'], " ").trim().to_owned()
}
