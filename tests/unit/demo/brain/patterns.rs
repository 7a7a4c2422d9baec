//! The sections of `patterns.txt` and the code that asks for them by their titles.

use std::fs;
use std::path::{Path, PathBuf};

fn brain() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/demo/brain")
}

fn code(folder: &Path) -> String {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let texts = entries.map(|path| match path.extension() {
        None => code(&path),
        Some(ending) if ending == "rs" => fs::read_to_string(&path).unwrap(),
        Some(_) => String::new(),
    });
    texts.collect()
}

fn patterns() -> String {
    fs::read_to_string(brain().join("reading/patterns.txt")).unwrap()
}

fn titles(patterns: &str) -> Vec<&str> {
    let titles = patterns.lines().filter_map(|line| line.strip_prefix('[')?.strip_suffix(']'));
    titles.collect()
}

#[test]
fn every_section_is_asked_for_somewhere() {
    let (patterns, code) = (patterns(), code(&brain()));
    let is_used = |title: &str| {
        code.contains(&format!("\"{title}\"")) || patterns.contains(&format!("{{{title}}}"))
    };
    let unused: Vec<&str> = titles(&patterns).into_iter().filter(|title| !is_used(title)).collect();
    assert!(unused.is_empty(), "Nothing asks for these sections: {unused:?}");
}

#[test]
fn every_section_that_is_asked_for_exists_once() {
    let (patterns, code) = (patterns(), code(&brain()));
    let mut titles = titles(&patterns);
    let asked = code.split("patterns::").skip(1).filter_map(|rest| {
        let (function, rest) = rest.split_once('(')?;
        matches!(function, "find" | "fits" | "has" | "run").then_some(rest)
    });
    let asked = asked.filter_map(|rest| rest.trim_start().strip_prefix('"')?.split('"').next());
    let missing: Vec<&str> = asked.filter(|title| !titles.contains(title)).collect();
    assert!(missing.is_empty(), "patterns.txt lacks these sections: {missing:?}");
    titles.sort_unstable();
    assert!(titles.windows(2).all(|pair| pair[0] != pair[1]), "A section is there twice");
}

#[test]
fn every_section_that_a_pattern_refers_to_exists() {
    let patterns = patterns();
    let titles = titles(&patterns);
    let code = patterns.lines().filter(|line| !line.starts_with('#'));
    let names = code.flat_map(|line| line.split('{').skip(1));
    let names = names.map(|rest| rest.split('}').next().unwrap());
    let missing: Vec<&str> = names.filter(|name| !titles.contains(name)).collect();
    assert!(missing.is_empty(), "patterns.txt lacks these sections: {missing:?}");
}

#[test]
fn every_line_is_in_a_section_and_can_fit() {
    let patterns = patterns();
    let lines = patterns.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut section = None;
    for line in lines {
        if line.starts_with('[') {
            section = Some(line);
            continue;
        }
        assert!(section.is_some(), "{line:?} comes before the first section");
        let gaps = line.split_whitespace().filter(|word| matches!(*word, "…" | "+")).count();
        assert!(gaps <= 1, "{line:?} has more than one gap");
        assert_eq!(line.to_lowercase(), line, "patterns are in lower case");
    }
}
