//! Names that people and models take for one another (ADR 40).

/// Letters that look like a Latin one, or lines like another, each above what it looks like.
const PAIRS: [(&str, &str); 4] = [
    // Cyrillic
    ("АВЕЅІЈКМНОРСТУХаеѕіјорсухһԁԛԝ", "ABESIJKMHOPCTYXaesijopcyxhdqw"),
    // Greek
    ("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧαγικνορυχ", "ABEZHIKMNOPTYXayikvopux"),
    // Latin, beside the alphabet
    ("ıȷɑɡɩʟſᴀᴄᴇᴏᴜᴠᴡᴢ", "ijagilsaceouvwz"),
    // Lines
    ("-‐‑‒–—―−", "________"),
];

/// Whether they differ only by case, by width, by letters of other scripts with the shape of a Latin
/// one, or by digits with the shape of a letter.
pub(crate) fn look_alike(one: &str, other: &str) -> bool {
    // A capital I looks like a small L; in another case it is a small I, which does not.
    ['i', 'l'].into_iter().any(|of_i| shape(one, of_i).eq(shape(other, of_i)))
}

fn shape(name: &str, of_i: char) -> impl Iterator<Item = char> {
    let merged = move |c| match c {
        'I' => of_i,
        '0' => 'o',
        '1' | '|' => 'l',
        c => c,
    };
    name.chars().map(plain).map(merged).flat_map(char::to_lowercase)
}

/// A Latin letter in place of one that looks like it.
fn plain(c: char) -> char {
    match u32::from(c) {
        // Another width: a row that lies at a fixed distance from ASCII.
        wide @ 0xFF01..=0xFF5E => plain_at(wide - 0xFEE0, c),
        // Letters and digits of formulas: rows of both cases, one behind the other.
        letter @ 0x1D400..=0x1D6A3 => {
            let place = (letter - 0x1D400) % 52;
            plain_at(if place < 26 { 0x41 + place } else { 0x61 + place - 26 }, c)
        }
        digit @ 0x1D7CE..=0x1D7FF => plain_at(0x30 + (digit - 0x1D7CE) % 10, c),
        _ => {
            let mut pairs = PAIRS.iter().flat_map(|(from, to)| from.chars().zip(to.chars()));
            pairs.find(|(from, _)| *from == c).map_or(c, |(_, to)| to)
        }
    }
}

fn plain_at(code: u32, otherwise: char) -> char {
    char::from_u32(code).unwrap_or(otherwise)
}
