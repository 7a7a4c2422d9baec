//! Which tools a model is told of, if there are more than it takes.

use std::collections::BTreeMap;
use std::sync::Arc;

use base::domain::{BuiltInTool, fair_shares};

/// What there is for declarations.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    pub(super) places: usize,
    pub(super) bytes: usize,
}

/// A tool's server, if it is not our own, and the length of its declaration.
pub(super) type ToolSize<'a> = (Option<&'a Arc<str>>, usize);

impl Room {
    pub(super) const OF_ALL: Self = Self {
        // The smallest limit of a provider is 128; the other places are kept for our own tools.
        places: 128 - BuiltInTool::ALL.len(),
        // Gemini refuses large schemas ("too many states") long before its documented limits.
        bytes: 40 * 1024,
    };

    /// Takes the room for one tool, if it is there.
    fn take(&mut self, bytes: usize) -> bool {
        let fits = self.places > 0 && bytes <= self.bytes;
        if fits {
            self.places -= 1;
            self.bytes -= bytes;
        }
        fits
    }

    /// The part of each server.
    fn parted(self, sizes: &[ToolSize<'_>]) -> BTreeMap<Arc<str>, Self> {
        let mut wanted = BTreeMap::<_, (usize, usize)>::new();
        for (server, size) in sizes {
            let Some(server) = server else { continue };
            let (places, bytes) = wanted.entry(Arc::clone(server)).or_default();
            (*places, *bytes) = (*places + 1, *bytes + size);
        }
        let all =
            |want: fn(&(usize, usize)) -> usize| wanted.values().map(want).collect::<Vec<_>>();
        let places = fair_shares(self.places, &all(|it| it.0));
        let bytes = fair_shares(self.bytes, &all(|it| it.1));
        let parts = places.into_iter().zip(bytes).map(|(places, bytes)| Self { places, bytes });
        wanted.into_keys().zip(parts).collect()
    }
}

/// Which of these fit. Our own always do: no server can displace them (ADR 13). Nor does one take
/// what others would get in equal parts; what those leave goes to whoever comes first.
pub(super) fn chosen(sizes: &[ToolSize<'_>], all: Room) -> Vec<bool> {
    let mut rest = all;
    let ours = sizes.iter().filter(|(server, _)| server.is_none()).map(|(_, bytes)| bytes);
    rest.bytes = rest.bytes.saturating_sub(ours.sum());
    let mut parts = rest.parted(sizes);
    let mut is_chosen = Vec::new();
    for (server, bytes) in sizes {
        let part = server.and_then(|server| parts.get_mut(server));
        let fits = part.is_some_and(|part| part.take(*bytes));
        is_chosen.push(server.is_none() || (fits && rest.take(*bytes)));
    }
    for ((_, bytes), is_chosen) in sizes.iter().zip(&mut is_chosen) {
        *is_chosen = *is_chosen || rest.take(*bytes);
    }
    is_chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: Room = Room { places: 6, bytes: 100 };

    #[test]
    fn no_server_takes_the_places_of_another() {
        for (sizes, expected) in [
            ("", ""),
            ("a10 a10 b10", "+++"),
            // Too many.
            ("a1 a1 a1 a1 a1 a1 a1 b1 b1", "++++---++"),
            ("a1 a1 a1 a1 a1 a1 a1 b1 c1 b1 c1", "++-----++++"),
            // Too long.
            ("a90 b5 b5", "+++"),
            ("a90 b30 b30 b30", "-+++"),
            ("a40 a40 a40 b40", "+--+"),
            // What the equal part of one has no tool for is left to whoever comes first.
            ("a60 b20 b20 b20 b20 b20", "+++---"),
            ("a10 a300 a10", "+-+"),
            // Our own.
            ("a10 a10 a10 a10 a10 a10 a10 -99", "-------+"),
            ("-300 a1", "+-"),
            ("a1 a1 a1 a1 a1 a1 a1 -1 -1", "++++++-++"),
        ] {
            let sizes: Vec<_> = sizes.split_whitespace().map(|it| it.split_at(1)).collect();
            let named: Vec<_> = sizes
                .iter()
                .map(|(name, size)| (Arc::<str>::from(*name), size.parse().unwrap()))
                .collect();
            let read: Vec<ToolSize<'_>> = named
                .iter()
                .map(|(name, size)| ((**name != *"-").then_some(name), *size))
                .collect();
            let told = chosen(&read, ROOM).into_iter().map(|it| if it { '+' } else { '-' });
            assert_eq!(told.collect::<String>(), expected, "{sizes:?}");
        }
    }
}
