//! The page: one file that needs nothing else. Its source is `page.html`, `page.css` and `page.js`; what it draws is JSON
//! inside of it.

mod data;

#[cfg(test)]
mod tests;

use super::story::{Story, Witness};
use data::Limits;

/// The page is smaller than this, in bytes: what is farthest from the anomaly is left out.
pub const MOST_BYTES: usize = 2_000_000;

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// The page of a run.
pub fn of(story: &Story) -> String {
    let mut limits = Limits::MOST;
    loop {
        let page = with(story, limits);
        if page.len() < MOST_BYTES || limits.operations == 0 {
            return page;
        }
        limits = limits.halved();
    }
}

fn with(story: &Story, limits: Limits) -> String {
    let title = match story.recording.title.as_str() {
        "" => "what clients saw",
        title => title,
    };
    let parts = [
        ("TITLE", escaped(title)),
        ("STYLE", STYLE.to_owned()),
        ("WITNESSES", told(&story.witnesses)),
        ("DATA", in_script(&data::of(story, limits).to_string())),
        ("SCRIPT", SCRIPT.to_owned()),
    ];
    filled(PAGE, &parts)
}

/// Puts each part in its places, in one go: what is put in is not looked through again.
fn filled(page: &str, parts: &[(&str, String)]) -> String {
    let mut text = String::new();
    for (number, piece) in page.split("{{").enumerate() {
        let Some((name, rest)) = piece.split_once("}}").filter(|_| number > 0) else {
            text.push_str(piece);
            continue;
        };
        let part = parts.iter().find(|(of, _)| *of == name);
        text.push_str(&part.unwrap_or_else(|| panic!("the page asks for {name}")).1);
        text.push_str(rest);
    }
    text
}

/// The first in full, the others folded away.
fn told(witnesses: &[Witness]) -> String {
    let line = |(number, witness): (usize, &Witness)| {
        format!(
            "<p class=\"witness\"><b>{}</b> {} <button type=\"button\" data-witness=\"{number}\">show</button></p>",
            escaped(&witness.class),
            escaped(&witness.sentence)
        )
    };
    let mut lines = witnesses.iter().enumerate().map(line);
    let Some(first) = lines.next() else { return "<p class=\"witness\">Nothing is wrong with this run.</p>".into() };
    let rest: Vec<String> = lines.collect();
    if rest.is_empty() {
        return first;
    }
    format!("{first}\n<details><summary>{} more</summary>\n{}\n</details>", rest.len(), rest.join("\n"))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// JSON within a script: nothing in it may end the script.
fn in_script(json: &str) -> String {
    json.replace('<', "\\u003c")
}
