//! How many rows are read at once: as many as requested, or as many as fit in a page.

/// Bytes of items in one page, or of messages in one transcript. Limited, because many clients may
/// read at once; eight times the largest item, so that a page holds several.
pub(super) const PAGE_BYTES: u32 = 8 * 1024 * 1024;

/// How many rows of these sizes make a page: at least one, or paging would never get past it.
pub(super) fn fitting(sizes: impl IntoIterator<Item = usize>, limit: u32) -> u32 {
    let mut bytes = 0_usize;
    let fits = sizes.into_iter().enumerate().take_while(|(place, size)| {
        bytes = bytes.saturating_add(*size);
        *place == 0 || bytes <= PAGE_BYTES as usize
    });
    u32::try_from(fits.count()).unwrap_or(u32::MAX).min(limit)
}
