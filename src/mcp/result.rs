//! What a tool answered, as text for the model.

use std::fmt::Write as _;

use rmcp::model::{CallToolResult, ContentBlock, ResourceContents};

use super::fault::CallFault;
use crate::domain::{clean, shorten};

const MAX_TEXT_CHARS: usize = 32_000;
const MAX_LABEL_CHARS: usize = 200;

/// The text of an answer; a tool that says it failed is a refusal.
pub(super) fn read_result(result: &CallToolResult) -> Result<String, CallFault> {
    let text = text_of(result);
    if result.is_error == Some(true) {
        let words = if text.is_empty() { "the tool failed and did not say why" } else { &text };
        return Err(CallFault::refused(words));
    }
    Ok(shorten(&clean(&text), MAX_TEXT_CHARS))
}

/// Structured content repeats the text, so it counts only where no text is.
fn text_of(result: &CallToolResult) -> String {
    let has_text = result.content.iter().any(|block| matches!(block, ContentBlock::Text(_)));
    let structured = result.structured_content.as_ref().filter(|_| !has_text);
    let mut text = structured.map(ToString::to_string).unwrap_or_default();
    for block in &result.content {
        if !text.is_empty() {
            text.push('\n');
        }
        push_block(&mut text, block);
    }
    text
}

fn push_block(text: &mut String, block: &ContentBlock) {
    match block {
        ContentBlock::Text(words) => text.push_str(&words.text),
        ContentBlock::Image(image) => push_size(text, "image", &image.data),
        ContentBlock::Audio(audio) => push_size(text, "audio", &audio.data),
        ContentBlock::ResourceLink(link) => {
            let (name, uri) = (label(&link.name), label(&link.uri));
            push(text, format_args!("[resource {name}: {uri}]"));
        }
        ContentBlock::Resource(embedded) => push_resource(text, &embedded.resource),
        _ => text.push_str("[content of an unknown kind]"),
    }
}

fn push_resource(text: &mut String, resource: &ResourceContents) {
    match resource {
        ResourceContents::TextResourceContents { uri, text: words, .. } => {
            push(text, format_args!("[resource {}]\n{words}", label(uri)));
        }
        ResourceContents::BlobResourceContents { uri, blob, .. } => {
            push_size(text, &format!("resource {}", label(uri)), blob);
        }
        _ => text.push_str("[resource]"),
    }
}

fn push_size(text: &mut String, kind: &str, base64: &str) {
    let kilobytes = (base64.len() / 4 * 3).div_ceil(1_000);
    push(text, format_args!("[{kind}, {kilobytes} kB]"));
}

/// Writing to a string cannot fail.
fn push(text: &mut String, words: std::fmt::Arguments<'_>) {
    text.write_fmt(words).unwrap_or_default();
}

fn label(name: &str) -> String {
    shorten(name, MAX_LABEL_CHARS)
}
