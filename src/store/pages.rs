//! How many rows are read at once: as many as are asked for, or as fit into memory.

/// Bytes of items in one page, or of messages in one transcript. The largest item is an eighth of it, so that pages are worth asking
/// for; many clients may ask at once.
pub(super) const PAGE_BYTES: u32 = 8 * 1024 * 1024;

/// How many of these rows, given their sizes, make a page; the first always does.
pub(super) fn fitting(sizes: impl IntoIterator<Item = usize>, limit: u32) -> u32 {
    let mut bytes = 0_usize;
    let fits = sizes.into_iter().enumerate().take_while(|(place, size)| {
        bytes = bytes.saturating_add(*size);
        *place == 0 || bytes <= PAGE_BYTES as usize
    });
    u32::try_from(fits.count()).unwrap_or(u32::MAX).min(limit)
}
