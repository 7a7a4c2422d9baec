//! How long results are divided, and the notes by which a model reads on (ADR 48).

use orchestrator::agents::{PAGE_BYTES, PageNote, pages_of, shorten_results};
use orchestrator::domain::{Message, ToolResult};
use proptest::prelude::{ProptestConfig, prop_assert, prop_assert_eq, proptest};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn pages_are_together_the_text_and_none_is_too_long(
        part in ".{0,40}\n?", times in 0_usize..6_000,
    ) {
        let text = part.repeat(times);
        let pages = pages_of(&text);
        prop_assert_eq!(&pages.concat(), &text);
        prop_assert!(pages.iter().all(|page| page.len() <= PAGE_BYTES));
        let last = pages.len() - 1;
        prop_assert!(pages[..last].iter().all(|page| page.len() > PAGE_BYTES / 2));
    }

    #[test]
    fn any_text_is_read_for_a_note(text in "\\PC{0,300}", rest in ".{0,900}") {
        for text in [&text, &format!("{text}\n[page {rest}"), &format!("\n[page 1 of 2{rest}")] {
            drop(PageNote::find(text));
        }
    }
}

#[test]
fn a_note_is_found_again_wherever_its_page_stands() {
    for (page, pages) in [(1, 2), (2, 2), (88, 131)] {
        let note = PageNote { id: "res_0123456789ab".into(), page, pages };
        for text in ["", "short", &"ü".repeat(12_000)] {
            assert_eq!(PageNote::find(&format!("{text}{note}")), Some(note.clone()));
            let repeated = format!("{text}{note}\n[You have made the same call three times now.]");
            assert_eq!(PageNote::find(&repeated), Some(note.clone()));
        }
    }
    assert_eq!(PageNote::find("a text"), None);
    assert_eq!(PageNote::find("\n[page 1 of 2; the rest: read_result {\"id\": \"a b\"}]"), None);
}

#[test]
fn a_shortened_page_says_how_to_get_it_back() {
    let note = PageNote { id: "res_0123456789ab".into(), page: 3, pages: 7 };
    let output = format!("{}{note}", "x".repeat(20_000));
    let plain = "y".repeat(3_000);
    let mut messages = [tools(output), tools(plain)];

    shorten_results(&mut messages, 0);
    let once = messages.clone();
    shorten_results(&mut messages, 0);

    let read = |message: &Message| message.results().unwrap()[0].output.clone();
    assert!(read(&messages[0]).len() < 600, "{}", read(&messages[0]));
    assert!(read(&messages[0]).contains("read_result {\"id\": \"res_0123456789ab\", \"page\": 3}"));
    assert_eq!(PageNote::find(&read(&messages[0])), Some(note));
    assert!(read(&messages[1]).ends_with("… [cut]"));
    assert_eq!(messages, once);
}

fn tools(output: String) -> Message {
    let (id, name) = ("call".into(), "read".to_owned());
    Message::Tools { results: vec![ToolResult { id, name, output, is_error: false, origin: None }] }
}
