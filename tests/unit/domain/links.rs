//! Which links and images of an answer a front end is left to render.

use orchestrator::domain::{AllowedDomains, LinkFilter, unlinked};
use proptest::prelude::*;
use proptest::sample::select;

use crate::support::rendered::foreign;

#[test]
fn what_leads_elsewhere_is_text_and_can_still_be_read() {
    for (said, shown) in [
        ("![x](https://evil.example/a.png?q=milk)", "![x] (https: //evil.example/a.png?q=milk)"),
        ("[x](//evil.example)", "[x] (//evil.example)"),
        ("[x](javascript:alert)", "[x] (javascript:alert)"),
        ("[x](<https://good.example>)", "[x] (< https: //good.example>)"),
        ("[x](https://good.example.evil.example/)", "[x] (https: //good.example.evil.example/)"),
        ("[x](https://good.example@evil.example/)", "[x] (https: //good.example@evil.example/)"),
        ("[x](https://evilgood.example/)", "[x] (https: //evilgood.example/)"),
        ("](https://good.example)@evil.example/", "] (https: //good.example)@evil.example/"),
        ("[x](https&#58;//evil.example)", "[x] (https& #58;//evil.example)"),
        ("http&colon;//evil.example", "http& colon;//evil.example"),
        ("http:&#47;/evil.example", "http:& #47;/evil.example"),
        ("http:/&sol;evil.example", "http:/& sol;evil.example"),
        ("www&#46;evil.example", "www& #46;evil.example"),
        (r"www\.evil.example", r"www\ .evil.example"),
        (r"http:/\/evil.example", r"http:/\ /evil.example"),
        (r"https\://evil.example", r"https\ ://evil.example"),
        ("<style>*{}</style>", "< style>*{}</style>"),
        ("![x][y]\n\n[y]: https://evil.example", "![x][y]\n\n[y] : https: //evil.example"),
        ("<https://evil.example>", "< https: //evil.example>"),
        ("<img src=x>", "< img src=x>"),
        ("see HTTPS://evil.example.", "see HTTPS: //evil.example."),
        ("see www.evil.example", "see www .evil.example"),
        ("see https://good.example:80@evil.example", "see https: //good.example:80@evil.example"),
        (
            "[![x](https://a.good.example/i.png)](http://evil.example)",
            "[![x](https://a.good.example/i.png)] (http: //evil.example)",
        ),
    ] {
        assert_eq!(filtered(said, &[said.len()]), shown);
    }
}

#[test]
fn what_leads_to_an_allowed_domain_and_what_leads_nowhere_is_left_as_it_is() {
    for said in [
        "![x](https://good.example/a.png)",
        "[x](http://a.b.GOOD.example?q#f), and [x](https://good.example) and",
        "see https://good.example. Then www.good.example/x",
        r"C:\Users \. a\/b R&D &amp; &copy;",
        "It is 10:30: [x] (really), a[0]:=1, `Vec<String>`, a < b, </b>, <br>, 1 <2",
        "a: //b, ftp, http, https:, awww. and so on",
        "",
    ] {
        // `]:` defines where a link leads, whatever it stands in.
        assert_eq!(filtered(said, &[said.len()]), said.replace("]:", "] :"));
    }
}

#[test]
fn a_text_that_never_shows_where_it_leads_is_not_held_for_ever() {
    let mut filter = filter();

    let long = format!("[x](https://good.example/{}", "a".repeat(3_000));
    let shown = filter.filter(&long);

    assert!(shown.starts_with("[x] (https://good.example/aaa"), "{shown}");
    assert_eq!(filter.filter("b"), "b");
    assert_eq!(filter.rest(), "");
}

#[test]
fn nothing_is_linked_where_no_link_is_wanted() {
    assert_eq!(unlinked("[x](https://good.example)"), "[x] (https: //good.example)");
}

fn filter() -> LinkFilter {
    LinkFilter::new(AllowedDomains::new(vec!["good.example".to_owned()]))
}

/// The text, cut into pieces at these places.
fn filtered(text: &str, cuts: &[usize]) -> String {
    let mut filter = filter();
    let (mut shown, mut from) = (String::new(), 0);
    let mut cuts: Vec<_> = cuts.iter().map(|cut| text.floor_char_boundary(*cut)).collect();
    cuts.extend([0, text.len()]);
    cuts.sort_unstable();
    for cut in cuts {
        shown.push_str(&filter.filter(&text[from..cut]));
        from = cut;
    }
    shown.push_str(&filter.rest());
    shown
}

const PIECES: &[&str] = &[
    "[",
    "]",
    "(",
    ")",
    "<",
    ">",
    "!",
    "![x]",
    "[x]",
    "](",
    "]:",
    "\n",
    "\n\n",
    " ",
    "\t",
    "`",
    "```",
    "\\",
    "\"",
    "https://",
    "HTTP://",
    "ftp://",
    "https:",
    "//",
    ":",
    "www.",
    "evil.example",
    "good.example",
    ".good.example",
    "@",
    "/a.png",
    "?q=1",
    "#f",
    "&#58;",
    "&colon;",
    "img",
    "style>",
    "&colon;",
    "&sol;",
    "&#47;",
    "&#46;",
    "&period;",
    "\\:",
    "\\/",
    "\\.",
    "http",
    "www",
    " src=",
    "a href=",
    "[y]: ",
    "[y]",
    "*",
    "_",
    "~",
    "- ",
    "> ",
    "|",
    "a",
    "x",
    "ü",
    "1",
    ".",
    ",",
    "{",
    "}",
    "=",
    "^",
    "[^1]",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    /// An independent reader of Markdown, with what GitHub adds to it, renders no link and no image
    /// that leads elsewhere, and no HTML. And how a text was cut makes no difference.
    #[test]
    fn no_reader_renders_a_foreign_link_however_the_text_is_cut(
        pieces in prop::collection::vec(select(PIECES), 1..24),
        cuts in prop::collection::vec(0_usize..200, 0..8),
    ) {
        let text = pieces.concat();
        let shown = filtered(&text, &cuts);

        prop_assert_eq!(&shown, &filtered(&text, &[]));
        let foreign = foreign(&shown);
        prop_assert!(foreign.is_empty(), "{:?} is shown as {:?}: {:?}", text, shown, foreign);
        prop_assert_eq!(shown.replace(' ', ""), text.replace(' ', ""));
    }
}
