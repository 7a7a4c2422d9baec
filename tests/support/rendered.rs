//! What a front end makes of a text: an independent reader of Markdown, with what GitHub adds to it.

use markdown::mdast::Node;
use markdown::{Constructs, ParseOptions, to_mdast};

/// What a front end would render of a text that leads elsewhere.
pub(crate) fn foreign(text: &str) -> Vec<String> {
    let mut options = ParseOptions::gfm();
    options.constructs = Constructs { html_flow: true, html_text: true, ..options.constructs };
    let mut found = Vec::new();
    collect(&to_mdast(text, &options).unwrap(), &mut found);
    found
}

/// What looks like an address in a text.
fn addresses(text: &str) -> impl Iterator<Item = String> {
    let text = text.to_lowercase();
    let words: Vec<_> = text.split(|c: char| !c.is_ascii_graphic()).map(str::to_owned).collect();
    words.into_iter().filter_map(|word| {
        let start = ["http://", "https://"].iter().filter_map(|scheme| word.find(scheme)).min();
        let begins = word.starts_with("www.") && word.len() > 4;
        let bare =
            begins.then(|| format!("http://{}", word.trim_end_matches(['.', ',', '*', '_'])));
        start.map(|at| word.get(at..).unwrap_or_default().to_owned()).or(bare)
    })
}

/// Whether a tag has more than a name.
fn has_attributes(html: &str) -> bool {
    let tags = html.split('<').skip(1).filter_map(|rest| rest.split('>').next());
    tags.into_iter().any(|tag| tag.contains(|c: char| c == '=' || c.is_whitespace()))
}

fn collect(node: &Node, found: &mut Vec<String>) {
    let html = if let Node::Html(html) = node { Some(&html.value) } else { None };
    let link = if let Node::Link(link) = node { Some(&link.url) } else { None };
    let image = if let Node::Image(image) = node { Some(&image.url) } else { None };
    let defined = if let Node::Definition(defined) = node { Some(&defined.url) } else { None };
    let url = link.or(image).or(defined).or(html.filter(|html| has_attributes(html)));
    let is_good = |url: &&String| {
        let rest = url.to_lowercase();
        let rest =
            rest.strip_prefix("https://").or_else(|| rest.strip_prefix("http://")).unwrap_or("");
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default().trim_end_matches('.');
        host == "good.example" || host.ends_with(".good.example")
    };
    // Nothing is sent to an address of mail by looking at it or by one click.
    let is_mail = |url: &&String| url.starts_with("mailto:") || url.starts_with("xmpp:");
    // Some readers look for addresses again, in what is left after escapes and entities.
    if let Node::Text(text) = node {
        found.extend(addresses(&text.value).filter(|url| !is_good(&url)));
    }
    found.extend(url.filter(|url| !is_good(url) && !is_mail(url)).cloned());
    for child in node.children().into_iter().flatten() {
        collect(child, found);
    }
}
