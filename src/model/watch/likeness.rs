//! Whether two names may mean one model: providers and gateways decorate them.

/// Words that pin a version, and numbers that do.
const VERSIONS: &[&str] = &["preview", "exp", "experimental", "latest", "stable"];

/// Names that mean whatever is best today.
const ALIASES: &[&str] = &["latest", "auto", "default"];

/// Whether a model that was asked for by one name may well be called by the other.
///
/// Paths (`models/…`, `google/…`), tags (`:free`, `@001`), case, dots and dashes, and versions at
/// the end of either name are passed over: nobody is alarmed for those.
pub fn may_be(asked: &str, said: &str) -> bool {
    if asked == said {
        return true;
    }
    let (asked, said) = (words(asked), words(said));
    asked.iter().any(|word| ALIASES.contains(&&**word))
        || is_version_of(&asked, &said)
        || is_version_of(&said, &asked)
}

fn words(name: &str) -> Vec<String> {
    let name = name.rsplit('/').next().unwrap_or_default();
    let name = name.split([':', '@']).next().unwrap_or_default().to_ascii_lowercase();
    let words = name.split(|c: char| !c.is_ascii_alphanumeric());
    words.filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// Whether `long` is `short` and words that pin a version.
fn is_version_of(long: &[String], short: &[String]) -> bool {
    (1..=long.len()).any(|end| {
        let (stem, version) = long.split_at(end);
        stem.concat() == short.concat() && version.iter().all(|word| pins(word))
    })
}

/// `001` and `20250219` pin a version; the `1` of `gpt-5.1` makes another model.
fn pins(word: &str) -> bool {
    let is_number = word.len() > 1 && word.chars().all(|c| c.is_ascii_digit());
    is_number || VERSIONS.contains(&word)
}
