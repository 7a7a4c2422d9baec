//! What is done to a text before anyone sees it.

use orchestrator::domain::{Cleaner, InvalidText, UserText, clean, reveal, shorten};
use proptest::collection::vec;
use proptest::prelude::*;

#[test]
fn hidden_characters_are_taken_out_and_nothing_else_is_changed() {
    let hidden = "a\u{0}b\u{7}c\u{1b}[31m\u{202E}d\u{2066}e\u{E0041}f\u{7f}\u{85}g";
    let kept = "  tabs\tlines\r\n\n emoji 👩‍👩‍👧 é e\u{301} שלום \u{a0}";

    assert_eq!(clean(hidden), "abc[31mdefg");
    assert_eq!(clean(kept), kept);
}

#[test]
fn no_alphabet_of_hidden_characters_gets_through() {
    let alphabets = [
        0xFE00..=0xFE0F,
        0xE0100..=0xE01EF,
        0xE0000..=0xE007F,
        0x200B..=0x200F,
        0x2060..=0x206F,
        0x180B..=0x180F,
        0x202A..=0x202E,
        0xFFF0..=0xFFFB,
    ];
    let others = ['\u{AD}', '\u{34F}', '\u{61C}', '\u{115F}', '\u{3164}', '\u{FFA0}', '\u{FEFF}'];
    let hidden = alphabets.into_iter().flatten().filter_map(char::from_u32).chain(others);
    for hidden in hidden.collect::<Vec<_>>() {
        assert_eq!(clean(&format!("a{hidden}b")), "ab", "{:x}", u32::from(hidden));
        // Where one may stand, a second says nothing more.
        for base in ["😀", "क", "ᠠ", "1"] {
            let twice = clean(&format!("{base}{hidden}{hidden}{hidden}"));
            assert!(twice.chars().count() <= 2, "{twice:?}");
        }
    }
}

#[test]
fn joiners_and_selectors_that_shape_something_stay() {
    for text in [
        "👩\u{200D}👩\u{200D}👧",
        "👩🏽\u{200D}⚕\u{FE0F}",
        "❤\u{FE0F}\u{200D}🔥",
        "🏳\u{FE0F}\u{200D}🌈",
        "☎\u{FE0E}",
        "1\u{FE0F}\u{20E3}",
        "©\u{FE0F}",
        "می\u{200C}خواهم",
        "ه\u{200D}",
        "क्\u{200D}ष",
        "क्\u{200C}ष",
        "ශ්\u{200D}රී",
        "ᠨ\u{180E}ᠠ",
    ] {
        assert_eq!(clean(text), text);
    }
}

#[test]
fn length_is_counted_in_characters_after_cleaning() {
    assert!(UserText::parse(&"é".repeat(5), 5).is_ok());
    assert!(UserText::parse("12345\u{0}\u{0}", 5).is_ok());
    assert_eq!(UserText::parse("123456", 5), Err(InvalidText::TooLong { chars: 6, limit: 5 }));
}

#[test]
fn what_cannot_be_seen_can_be_shown() {
    for (text, shown) in [
        ("plain ü\n 👩", "plain ü\n 👩"),
        ("a\u{200B}b\u{E0041}\u{E0100}", r"a\u{200b}b\u{e0041}\u{e0100}"),
        ("\u{1b}[2J\r\t\u{9b}", r"\u{1b}[2J\u{d}\u{9}\u{9b}"),
        ("\u{202E}\u{2066}\u{200E}\u{2062}\u{3164}", r"\u{202e}\u{2066}\u{200e}\u{2062}\u{3164}"),
        ("\u{2028}\u{A0}\u{3000}", r"\u{2028}\u{a0}\u{3000}"),
    ] {
        assert_eq!(reveal(text), shown);
    }
}

#[test]
fn white_space_and_hidden_characters_alone_are_blank() {
    for text in [
        "",
        " \n\t",
        "\u{0}\u{7}",
        " \u{202E} ",
        "\u{3000}",
        "\u{200B}",
        "\u{200D}\u{200C}",
        "\u{FE0F}",
        "\u{3164}",
        "\u{2800}",
        "\u{2062} \u{200E}",
    ] {
        assert_eq!(UserText::parse(text, 10), Err(InvalidText::Blank), "{text:?}");
    }
}

#[test]
fn a_shortened_text_says_that_it_was_cut() {
    assert_eq!(shorten("äöü", 3), "äöü");
    assert_eq!(shorten("äöüß", 3), "äöü… [cut]");
}

proptest! {
    #[test]
    fn a_text_in_pieces_is_cleaned_like_the_whole(pieces in vec(prickly(), 0..12)) {
        let mut cleaner = Cleaner::default();

        let cleaned: String = pieces.iter().map(|piece| cleaner.clean(piece)).collect();

        prop_assert_eq!(cleaned, clean(&pieces.concat()));
    }

    #[test]
    fn cleaning_prickly_texts_twice_changes_nothing_more(text in prickly()) {
        let once = clean(&text);

        prop_assert_eq!(clean(&once), once);
    }

    #[test]
    fn cleaning_twice_changes_nothing_more(text in any::<String>()) {
        let once = clean(&text);

        prop_assert_eq!(clean(&once), once);
    }

    #[test]
    fn what_is_accepted_is_within_the_rules(text in any::<String>(), limit in 1_usize..50) {
        if let Ok(text) = UserText::parse(&text, limit) {
            prop_assert!(text.as_str().chars().count() <= limit);
            prop_assert!(!text.as_str().trim().is_empty());
            prop_assert!(text.as_str().chars().all(|c| c != '\0'));
        }
    }
}

/// Texts full of what depends on its neighbours.
fn prickly() -> impl Strategy<Value = String> {
    let hidden = "[\u{200B}-\u{200F}\u{FE00}-\u{FE0F}\u{180B}-\u{180F}\u{E0100}\u{E0041}]";
    let seen = "[a1# 😀❤👩🏽\u{627}\u{915}\u{94D}\u{1820}\n]";
    vec(prop_oneof![hidden, seen, ".{0,2}"], 0..10).prop_map(|texts| texts.concat())
}
