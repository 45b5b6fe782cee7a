//! Subscriptions by pattern: RE2 expressions that match whole names.

use super::state::ResolvedPattern;
use crate::group::view::View;
use model::metadata_image::MetadataImage;
use protocol::Text;
use regex::bytes::{Regex, RegexBuilder};
use std::collections::BTreeSet;

/// Most bytes that one compiled pattern may take. Names of topics are short and plain; so are patterns for them.
const MOST_BYTES: usize = 256 * 1024;

/// A pattern that names can be held against.
#[derive(Clone, Debug)]
pub struct Pattern(Regex);

impl Pattern {
    /// Understands an RE2 expression. Matching takes time in proportion to a name's length, whatever the expression.
    ///
    /// # Errors
    /// What is wrong with it, for people.
    pub fn new(text: &str) -> Result<Pattern, String> {
        let text = without_quotes(text);
        // On its own first: what is only right between the brackets below is not right.
        compile(&text)?;
        compile(&format!("^(?:{text})$")).map(Pattern)
    }

    /// Whether the whole name matches.
    pub fn matches(&self, name: &str) -> bool {
        self.0.is_match(name.as_bytes())
    }

    /// The topics whose names match, now.
    pub fn resolve(&self, image: &MetadataImage, timestamp: i64) -> ResolvedPattern {
        let names = image.topics().map(|topic| &*topic.name);
        let topics: BTreeSet<Text> = names.filter(|name| self.matches(name)).map(Text::from).collect();
        ResolvedPattern { topics, version: image.end_offset(), timestamp }
    }
}

/// Classes are those of ASCII, which keeps patterns small: names of topics have no other letters. A pattern that asks for
/// Unicode by name gets it.
fn compile(text: &str) -> Result<Regex, String> {
    let build =
        |unicode| RegexBuilder::new(text).unicode(unicode).size_limit(MOST_BYTES).dfa_size_limit(MOST_BYTES).build();
    build(false).or_else(|_| build(true)).map_err(|error| error.to_string())
}

/// RE2 takes what stands between `\Q` and `\E` as it is.
fn without_quotes(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = next_quote(rest) {
        plain.push_str(&rest[..at]);
        let quoted = &rest[at + 2..];
        let end = quoted.find("\\E").unwrap_or(quoted.len());
        plain.push_str(&regex::escape(&quoted[..end]));
        rest = quoted.get(end + 2..).unwrap_or("");
    }
    plain + rest
}

/// Where the next `\Q` is whose backslash is not itself quoted.
fn next_quote(text: &str) -> Option<usize> {
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        if letter == '\\' && letters.next().is_some_and(|(_, next)| next == 'Q') {
            return Some(at);
        }
    }
    None
}

impl View<'_> {
    /// The pattern of this text, which a member was let in with.
    pub(super) fn compiled(&mut self, group: &Text, text: &Text) -> Result<&Pattern, String> {
        let compiled = &mut self.soft.consumer.entry(group.clone()).or_default().compiled;
        if !compiled.contains_key(text) {
            let pattern = Pattern::new(text)?;
            compiled.insert(text.detached(), pattern);
        }
        Ok(&compiled[text])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, name: &str) -> bool {
        Pattern::new(pattern).expect(pattern).matches(name)
    }

    #[test]
    fn a_pattern_matches_whole_names() {
        assert!(matches("reg-.*", "reg-one"));
        assert!(!matches("reg", "reg-one"));
        assert!(!matches("one", "reg-one"));
        assert!(matches("a|b.*", "a"));
        assert!(!matches("a|b.*", "ab"), "both sides of an alternative are whole names");
        assert!(matches("(?i)ORDERS", "orders"));
        assert!(matches(r"\w+\.\d+", "topic.7"));
        assert!(matches(r"\pL+", "topic"));
    }

    #[test]
    fn what_is_quoted_is_taken_as_it_is() {
        assert!(matches(r"\Qa.b\E.*", "a.bc"));
        assert!(!matches(r"\Qa.b\E.*", "axbc"));
        assert!(matches(r"\Qa.b", "a.b"));
        assert!(matches(r"\\Qa", r"\Qa"));
    }

    #[test]
    fn what_re2_has_not_is_refused() {
        for bad in ["[a", "*", "(?=a)", r"(a)\1", "a)(b"] {
            assert!(Pattern::new(bad).is_err(), "{bad}");
        }
        let huge = "a{1000}{1000}";
        assert!(Pattern::new(huge).is_err(), "one that would take too much memory");
    }
}
