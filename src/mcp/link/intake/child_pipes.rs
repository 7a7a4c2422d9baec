//! The standard input and output of a child as a transport. rmcp's own drops what is too large
//! without a word, so that its call waits for nothing, and reads rubbish for ever (ADR 39).

use std::io;
use std::sync::Arc;

use rmcp::RoleClient;
use rmcp::service::{RxJsonRpcMessage, TxJsonRpcMessage};
use rmcp::transport::Transport;
use rmcp::transport::async_rw::AsyncRwTransport;
use tokio::io::{AsyncBufReadExt, BufReader, Empty, empty};
use tokio::process::{ChildStdin, ChildStdout};

use super::super::super::error::{Flood, UNREADABLE};
use super::super::child::Pipes;
use super::meter::Meter;
use super::outline::{MAX_MESSAGE_BYTES, Outline};
use super::tool_list::mended;

/// An answer that is too large is read to its end, so that its call hears of it, up to here.
const MAX_SKIPPED_BYTES: usize = 8 * MAX_MESSAGE_BYTES;
/// Room that is kept for the next message.
const KEPT_BYTES: usize = 64 * 1024;

pub(crate) struct ChildPipes {
    output: BufReader<ChildStdout>,
    line: Vec<u8>,
    outline: Outline,
    /// Sends only.
    input: AsyncRwTransport<RoleClient, Empty, ChildStdin>,
    meter: Arc<Meter>,
}

impl ChildPipes {
    pub(crate) fn new((output, input): Pipes, meter: Arc<Meter>) -> Self {
        let (output, input) = (BufReader::new(output), AsyncRwTransport::new(empty(), input));
        Self { output, line: Vec::new(), outline: Outline::default(), input, meter }
    }

    /// Reads on in the present line; `None` at the end of the output. The line is kept over a
    /// dropped call.
    async fn read_on(&mut self) -> Option<bool> {
        let bytes = self.output.fill_buf().await.ok().filter(|bytes| !bytes.is_empty())?;
        let piece = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let ends = piece.len() < bytes.len();
        self.outline.read(piece);
        if self.outline.is_too_large() {
            self.line = Vec::new();
        } else {
            self.line.extend_from_slice(piece);
        }
        let read = piece.len() + usize::from(ends);
        self.output.consume(read);
        Some(ends)
    }

    /// Whether the line must not be read to its end.
    fn is_endless(&self) -> bool {
        let most =
            if self.outline.answers().is_some() { MAX_SKIPPED_BYTES } else { MAX_MESSAGE_BYTES };
        self.outline.bytes() > most
    }

    /// The message of a line that has ended. What cannot be read is only counted, since servers do
    /// write other things, but an answer has a call that waits for it.
    fn take_message(&mut self) -> Option<RxJsonRpcMessage<RoleClient>> {
        let outline = std::mem::take(&mut self.outline);
        self.meter.came(outline.answers().as_ref(), outline.bytes());
        let message = if outline.is_too_large() {
            outline.too_large()
        } else {
            let mended = mended(&self.line, &outline);
            let line = mended.as_ref().map_or(self.line.as_slice(), String::as_bytes);
            let read = serde_json::from_slice(line);
            read.map_or_else(|_| outline.in_its_place(UNREADABLE), Some)
        };
        self.line.clear();
        self.line.shrink_to(KEPT_BYTES);
        message
    }
}

impl Transport<RoleClient> for ChildPipes {
    type Error = io::Error;

    fn send(
        &mut self,
        message: TxJsonRpcMessage<RoleClient>,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        self.input.send(message)
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleClient>> {
        while self.meter.why().is_none() {
            let ends = self.read_on().await?;
            if ends && let Some(message) = self.take_message() {
                return Some(message);
            }
            if self.is_endless() {
                self.meter.end(Flood::Endless);
            }
        }
        None
    }

    async fn close(&mut self) -> Result<(), Self::Error> {
        self.input.close().await
    }
}
