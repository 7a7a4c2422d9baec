//! Which images of tools a model sees: the newest of its turn, within a limit (ADR 48).

use crate::domain::ToolImage;

/// So many images and bytes of them a request carries.
const MAX_SEEN: usize = 4;
const MAX_SEEN_BYTES: usize = 4 * 1024 * 1024;

/// An image, and the message of the transcript with the results that it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenImage {
    pub message: usize,
    pub image: ToolImage,
}

/// Adds images; the oldest make room. Not stored: a later turn reads that there were some.
pub(super) fn see(seen: &mut Vec<SeenImage>, message: usize, images: Vec<ToolImage>) {
    seen.extend(images.into_iter().map(|image| SeenImage { message, image }));
    let mut bytes = 0;
    let fits = seen.iter().rev().take(MAX_SEEN).take_while(|one| {
        bytes += one.image.bytes();
        bytes <= MAX_SEEN_BYTES
    });
    let fits = fits.count();
    seen.drain(..seen.len() - fits);
}
