//! Whether two names may mean the same model: providers and gateways decorate names.

/// Words that only name a version.
const VERSIONS: &[&str] = &["preview", "exp", "experimental", "latest", "stable"];

/// Names that mean the current best model.
const ALIASES: &[&str] = &["latest", "auto", "default"];

/// Whether a model requested by one name may report the other.
///
/// Ignores paths (`models/…`, `google/…`), tags (`:free`, `@001`), case, dots and dashes, and
/// versions at the end of either name: a false warning is worse than a missed one (ADR 17).
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

/// Whether `long` is `short` followed by version words only.
fn is_version_of(long: &[String], short: &[String]) -> bool {
    (1..=long.len()).any(|end| {
        let (stem, version) = long.split_at(end);
        stem.concat() == short.concat() && version.iter().all(|word| pins(word))
    })
}

/// `001` and `20250219` are versions; the `1` of `gpt-5.1` is another model.
fn pins(word: &str) -> bool {
    let is_number = word.len() > 1 && word.chars().all(|c| c.is_ascii_digit());
    is_number || VERSIONS.contains(&word)
}
