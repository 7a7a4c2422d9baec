//! What is done to a text before anyone sees it.

use orchestrator::domain::{InvalidText, UserText, clean, shorten};
use proptest::prelude::*;

#[test]
fn hidden_characters_are_taken_out_and_nothing_else_is_changed() {
    let hidden = "a\u{0}b\u{7}c\u{1b}[31m\u{202E}d\u{2066}e\u{E0041}f\u{7f}\u{85}g";
    let kept = "  tabs\tlines\r\n\n emoji 👩‍👩‍👧 é e\u{301} שלום \u{200d} ";

    assert_eq!(clean(hidden), "abc[31mdefg");
    assert_eq!(clean(kept), kept);
}

#[test]
fn length_is_counted_in_characters_after_cleaning() {
    assert!(UserText::parse(&"é".repeat(5), 5).is_ok());
    assert!(UserText::parse("12345\u{0}\u{0}", 5).is_ok());
    assert_eq!(UserText::parse("123456", 5), Err(InvalidText::TooLong { chars: 6, limit: 5 }));
}

#[test]
fn white_space_and_hidden_characters_alone_are_blank() {
    for text in ["", " \n\t", "\u{0}\u{7}", " \u{202E} ", "\u{3000}"] {
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
