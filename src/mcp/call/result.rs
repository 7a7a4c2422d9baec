//! Reads a tool's answer: text for the model, structured content, links, images, each with a limit.

use std::fmt::Write as _;

use rmcp::model::{
    CallToolResult, ContentBlock, GetPromptResult, ReadResourceResult, ResourceContents, Role,
};

use super::fault::CallFault;
use base::domain::{ToolImage, ToolLink, ToolOrigin, ToolOutput, clean, shorten};

/// In bytes. What a model gets of it at once is decided in `chat` (ADR 48).
const MAX_TEXT: usize = 2 * 1024 * 1024;
const CUT: &str = "[longer than is kept: only the first 2 MiB are here]\n";
/// Further parts are only counted.
const MAX_BLOCKS: usize = 1_000;
/// Larger structured content is dropped: the protocol wants the same as text.
const MAX_STRUCTURED_BYTES: usize = 256 * 1024;
const MAX_LINKS: usize = 50;
/// Further content is not told to the person.
const MAX_UNSHOWN: usize = 10;
/// Further images are named by their size.
const MAX_IMAGES: usize = 4;
const MAX_IMAGE_BYTES: usize = 4 * 1024 * 1024;
const MAX_LABEL_CHARS: usize = 200;
/// A longer address is dropped, because a shortened one leads nowhere.
const MAX_URI_BYTES: usize = 2_048;

/// Text and images of a result, block by block.
#[derive(Default)]
struct ResultReader {
    text: String,
    images: Vec<ToolImage>,
    /// Of the images.
    bytes: usize,
    unshown: Vec<String>,
}

/// A result with `is_error` is a refusal by the tool.
pub(crate) fn read_result(
    result: CallToolResult,
    origin: ToolOrigin,
) -> Result<ToolOutput, CallFault> {
    let ResultReader { text, images, unshown, .. } = ResultReader::read(&result);
    if result.is_error == Some(true) {
        let words = if text.is_empty() { "the tool failed and did not say why" } else { &text };
        return Err(CallFault::refused(words));
    }
    let links = links_in(&result.content);
    let fits = |bytes: usize| bytes <= MAX_STRUCTURED_BYTES;
    let structured = result.structured_content.filter(|value| fits(value.to_string().len()));
    Ok(ToolOutput { text, structured, links, images, unshown, origin })
}

/// The parts of a resource.
pub(crate) fn read_contents(result: &ReadResourceResult, origin: ToolOrigin) -> ToolOutput {
    let mut reader = ResultReader::default();
    for part in result.contents.iter().take(MAX_BLOCKS) {
        reader.begin_line();
        reader.push_resource(part);
    }
    reader.end(result.contents.len().saturating_sub(MAX_BLOCKS));
    reader.output(origin)
}

/// The messages of a prompt, each under the name of its role.
pub(crate) fn read_messages(result: &GetPromptResult, origin: ToolOrigin) -> ToolOutput {
    let mut reader = ResultReader::default();
    let mut before = None;
    for message in result.messages.iter().take(MAX_BLOCKS) {
        reader.begin_line();
        // Neighbours of one role are one message.
        if before != Some(&message.role) {
            reader.text.push_str(match message.role {
                Role::User => "[user]\n",
                Role::Assistant => "[assistant]\n",
            });
        }
        before = Some(&message.role);
        reader.push_block(&message.content);
    }
    reader.end(result.messages.len().saturating_sub(MAX_BLOCKS));
    reader.output(origin)
}

impl ResultReader {
    /// Structured content repeats the text, so it is used only without text.
    fn read(result: &CallToolResult) -> Self {
        let mut reader = Self::default();
        let has_text = result.content.iter().any(|block| matches!(block, ContentBlock::Text(_)));
        if let Some(value) = result.structured_content.as_ref().filter(|_| !has_text) {
            push(&mut reader.text, &value.to_string());
        }
        for block in result.content.iter().take(MAX_BLOCKS) {
            reader.begin_line();
            reader.push_block(block);
        }
        reader.end(result.content.len().saturating_sub(MAX_BLOCKS));
        reader
    }

    fn begin_line(&mut self) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
    }

    fn output(self, origin: ToolOrigin) -> ToolOutput {
        ToolOutput { images: self.images, ..ToolOutput::plain(self.text, origin) }
    }

    fn end(&mut self, unread: usize) {
        let text = &mut self.text;
        if text.len() > MAX_TEXT {
            text.truncate(text.floor_char_boundary(MAX_TEXT));
            text.push_str("… [cut]");
            // Whoever reads the first page must know as well.
            text.insert_str(0, CUT);
        }
        if unread > 0 {
            write(text, format_args!("\n[{unread} more parts are left out]"));
        }
    }

    fn push_block(&mut self, block: &ContentBlock) {
        match block {
            ContentBlock::Text(words) => push(&mut self.text, &words.text),
            ContentBlock::Image(image) => self.push_image("image", &image.data),
            ContentBlock::Audio(audio) => {
                push_size(&mut self.text, "audio", &audio.data, "");
                self.tell_unshown(&audio.mime_type, &audio.data);
            }
            ContentBlock::ResourceLink(link) => {
                let (name, uri) = (label(&link.name), label(&link.uri));
                write(&mut self.text, format_args!("[resource {name}: {uri}]"));
            }
            ContentBlock::Resource(embedded) => self.push_resource(&embedded.resource),
            _ => self.text.push_str("[content of an unknown kind]"),
        }
    }

    fn push_resource(&mut self, resource: &ResourceContents) {
        match resource {
            ResourceContents::TextResourceContents { uri, text: words, .. } => {
                write(&mut self.text, format_args!("[resource {}]\n", label(uri)));
                push(&mut self.text, words);
            }
            ResourceContents::BlobResourceContents { uri, blob, mime_type, .. } => {
                let what = format!("resource {}", label(uri));
                if mime_type.as_deref().is_some_and(|kind| kind.starts_with("image/")) {
                    self.push_image(&what, blob);
                } else {
                    push_size(&mut self.text, &what, blob, "");
                    self.tell_unshown(mime_type.as_deref().unwrap_or("resource"), blob);
                }
            }
            _ => self.text.push_str("[resource]"),
        }
    }

    /// Says what becomes of it: a model must not describe what it does not see.
    fn push_image(&mut self, what: &str, base64: &str) {
        let bytes = decoded_len(base64);
        let fits = self.images.len() < MAX_IMAGES && self.bytes + bytes <= MAX_IMAGE_BYTES;
        let image = if fits { ToolImage::read(base64) } else { None };
        let left_out = match (fits, &image) {
            (_, Some(_)) => "",
            (true, None) => ", left out: no PNG, JPEG, WebP or GIF",
            (false, None) => ", left out: too much",
        };
        push_size(&mut self.text, what, base64, left_out);
        match image {
            Some(image) => {
                self.bytes += bytes;
                self.images.push(image);
            }
            None => self.tell_unshown("image", base64),
        }
    }

    fn tell_unshown(&mut self, kind: &str, base64: &str) {
        if self.unshown.len() < MAX_UNSHOWN {
            let kilobytes = decoded_len(base64).div_ceil(1_000);
            self.unshown.push(format!("{}, {kilobytes} kB", label(kind)));
        }
    }
}

fn push_size(text: &mut String, kind: &str, base64: &str, left_out: &str) {
    let kilobytes = decoded_len(base64).div_ceil(1_000);
    write(text, format_args!("[{kind}, {kilobytes} kB{left_out}]"));
}

fn links_in(blocks: &[ContentBlock]) -> Vec<ToolLink> {
    let links = blocks.iter().take(MAX_BLOCKS).filter_map(ContentBlock::as_resource_link);
    let links = links.filter(|link| link.uri.len() <= MAX_URI_BYTES).map(|link| ToolLink {
        uri: clean(&link.uri),
        name: label(&link.name),
        mime_type: link.mime_type.as_deref().map(label),
    });
    links.take(MAX_LINKS).collect()
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
