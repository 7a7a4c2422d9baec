//! Reads a tool's answer: text for the model, structured content, links, images, each with a limit.

use std::fmt::Write as _;

use rmcp::model::{CallToolResult, ContentBlock, ResourceContents};

use super::fault::CallFault;
use base::domain::{ToolImage, ToolLink, ToolOrigin, ToolOutput, clean, shorten};

/// In bytes. What a model gets of it at once is decided in `chat` (ADR 48).
const MAX_TEXT: usize = 2 * 1024 * 1024;
/// Further parts are only counted.
const MAX_BLOCKS: usize = 1_000;
/// Larger structured content is dropped: the protocol wants the same as text.
const MAX_STRUCTURED_BYTES: usize = 256 * 1024;
const MAX_EXTRAS: usize = 50;
const MAX_LABEL_CHARS: usize = 200;
/// A longer address is dropped, because a shortened one leads nowhere.
const MAX_URI_BYTES: usize = 2_048;

/// A result with `is_error` is a refusal by the tool.
pub(crate) fn read_result(
    result: CallToolResult,
    origin: ToolOrigin,
) -> Result<ToolOutput, CallFault> {
    let text = text_of(&result);
    if result.is_error == Some(true) {
        let words = if text.is_empty() { "the tool failed and did not say why" } else { &text };
        return Err(CallFault::refused(words));
    }
    let (links, images) = (links_in(&result.content), images_in(&result.content));
    let fits = |bytes: usize| bytes <= MAX_STRUCTURED_BYTES;
    let structured = result.structured_content.filter(|value| fits(value.to_string().len()));
    Ok(ToolOutput { text, structured, links, images, origin })
}

/// Structured content repeats the text, so it is used only without text.
fn text_of(result: &CallToolResult) -> String {
    let has_text = result.content.iter().any(|block| matches!(block, ContentBlock::Text(_)));
    let mut text = String::new();
    if let Some(value) = result.structured_content.as_ref().filter(|_| !has_text) {
        push(&mut text, &value.to_string());
    }
    for block in result.content.iter().take(MAX_BLOCKS) {
        if !text.is_empty() {
            text.push('\n');
        }
        push_block(&mut text, block);
    }
    if text.len() > MAX_TEXT {
        text.truncate(text.floor_char_boundary(MAX_TEXT));
        text.push_str("… [cut]");
    }
    let unread = result.content.len().saturating_sub(MAX_BLOCKS);
    if unread > 0 {
        write(&mut text, format_args!("\n[{unread} more parts are left out]"));
    }
    text
}

fn push_block(text: &mut String, block: &ContentBlock) {
    match block {
        ContentBlock::Text(words) => push(text, &words.text),
        ContentBlock::Image(image) => push_size(text, "image", &image.data),
        ContentBlock::Audio(audio) => push_size(text, "audio", &audio.data),
        ContentBlock::ResourceLink(link) => {
            let (name, uri) = (label(&link.name), label(&link.uri));
            write(text, format_args!("[resource {name}: {uri}]"));
        }
        ContentBlock::Resource(embedded) => push_resource(text, &embedded.resource),
        _ => text.push_str("[content of an unknown kind]"),
    }
}

fn push_resource(text: &mut String, resource: &ResourceContents) {
    match resource {
        ResourceContents::TextResourceContents { uri, text: words, .. } => {
            write(text, format_args!("[resource {}]\n", label(uri)));
            push(text, words);
        }
        ResourceContents::BlobResourceContents { uri, blob, .. } => {
            push_size(text, &format!("resource {}", label(uri)), blob);
        }
        _ => text.push_str("[resource]"),
    }
}

fn push_size(text: &mut String, kind: &str, base64: &str) {
    let kilobytes = decoded_len(base64).div_ceil(1_000);
    write(text, format_args!("[{kind}, {kilobytes} kB]"));
}

fn links_in(blocks: &[ContentBlock]) -> Vec<ToolLink> {
    let links = blocks.iter().take(MAX_BLOCKS).filter_map(ContentBlock::as_resource_link);
    let links = links.filter(|link| link.uri.len() <= MAX_URI_BYTES).map(|link| ToolLink {
        uri: clean(&link.uri),
        name: label(&link.name),
        mime_type: link.mime_type.as_deref().map(label),
    });
    links.take(MAX_EXTRAS).collect()
}

fn images_in(blocks: &[ContentBlock]) -> Vec<ToolImage> {
    let images = blocks.iter().take(MAX_BLOCKS).filter_map(ContentBlock::as_image);
    let images = images.map(|image| ToolImage {
        mime_type: label(&image.mime_type),
        bytes: decoded_len(&image.data),
    });
    images.take(MAX_EXTRAS).collect()
}

fn decoded_len(base64: &str) -> usize {
    base64.len() / 4 * 3
}

/// Adds text without invisible characters, and only as much as is needed to see that it is too much:
/// a server may send megabytes.
fn push(text: &mut String, words: &str) {
    let room = (MAX_TEXT + 4).saturating_sub(text.len());
    text.push_str(&clean(words.get(..words.floor_char_boundary(room)).unwrap_or_default()));
}

fn write(text: &mut String, words: std::fmt::Arguments<'_>) {
    text.write_fmt(words).unwrap_or_default();
}

fn label(name: &str) -> String {
    shorten(&clean(name), MAX_LABEL_CHARS)
}
