//! Names that people and models take for one another (ADR 40).

/// The same for names that look alike: letters in either case or another width, letters of other
/// scripts with the shape of a Latin one, digits with the shape of a letter.
pub(crate) fn shape(name: &str) -> String {
    name.chars().flat_map(|c| plain(c).to_lowercase()).map(merged).collect()
}

/// A Latin letter in place of one that looks like it.
fn plain(c: char) -> char {
    const PAIRS: [(&str, &str); 4] = [
        // Cyrillic
        ("АВЕЅІЈКМНОРСТУХаеѕіјорсухһԁԛԝ", "ABESIJKMHOPCTYXaesijopcyxhdqw"),
        // Greek
        ("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧαγικνορυχ", "ABEZHIKMNOPTYXayiknopux"),
        // Latin, beside the alphabet
        ("ıȷɑɡɩʟſᴀᴄᴇᴏᴜᴠᴡᴢ", "ijagilsaceouvwz"),
        // Lines
        ("-‐‑‒–—―−．／·", "___________"),
    ];
    match u32::from(c) {
        // Another width: a row that lies at a fixed distance from ASCII.
        wide @ 0xFF01..=0xFF5E => plain_at(wide - 0xFEE0, c),
        // Letters and digits of formulas.
        letter @ 0x1D400..=0x1D6A3 => {
            let place = (letter - 0x1D400) % 52;
            plain_at(if place < 26 { 0x41 + place } else { 0x61 + place - 26 }, c)
        }
        digit @ 0x1D7CE..=0x1D7FF => plain_at(0x30 + (digit - 0x1D7CE) % 10, c),
        _ => {
            let found = PAIRS
                .iter()
                .find_map(|(from, to)| from.chars().zip(to.chars()).find(|(from, _)| *from == c));
            found.map_or(c, |(_, to)| to)
        }
    }
}

fn plain_at(code: u32, otherwise: char) -> char {
    char::from_u32(code).unwrap_or(otherwise)
}

/// One for those that look alike within ASCII.
fn merged(c: char) -> char {
    match c {
        '0' => 'o',
        '1' | 'i' | '|' => 'l',
        '-' => '_',
        _ => c,
    }
}
