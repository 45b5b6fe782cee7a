//! What `{:?}` prints, as a tree, so that values of two crates can be compared field by field.

use std::str::Chars;

/// A printed value. `Some(x)` and other wrappings of one value are that value.
#[derive(Clone, Debug, PartialEq)]
pub enum Tree {
    Null,
    /// A number, a word, an id.
    Atom(String),
    /// Text or bytes, as printed.
    Quoted(String),
    List(Vec<Tree>),
    Struct(Vec<(String, Tree)>),
}

impl Tree {
    /// Parses what `{:?}` printed.
    pub fn parse(printed: &str) -> Tree {
        let mut parser = Parser { rest: printed.chars() };
        let tree = parser.value();
        assert_eq!(parser.rest.as_str(), "", "all of {printed} is parsed");
        tree
    }
}

struct Parser<'a> {
    rest: Chars<'a>,
}

impl Parser<'_> {
    fn value(&mut self) -> Tree {
        if self.eat("[") {
            return Tree::List(self.list("]", Parser::value));
        }
        if self.eat("(") {
            return Tree::List(self.list(")", Parser::value));
        }
        if self.eat("{") {
            return Tree::List(self.list("}", |parser| Tree::List(vec![parser.value(), parser.after(": ")])));
        }
        if self.eat("b\"") || self.eat("\"") {
            return Tree::Quoted(self.quoted());
        }
        let word = self.word();
        if self.eat(" { ") {
            return Tree::Struct(self.list(" }", |parser| (parser.word(), parser.after(": "))));
        }
        if self.eat("(") {
            let mut inside = self.list(")", Parser::value);
            return if inside.len() == 1 { inside.remove(0) } else { Tree::List(inside) };
        }
        if word == "None" { Tree::Null } else { Tree::Atom(word) }
    }

    fn eat(&mut self, token: &str) -> bool {
        let Some(rest) = self.rest.as_str().strip_prefix(token) else { return false };
        self.rest = rest.chars();
        true
    }

    fn after(&mut self, token: &str) -> Tree {
        assert!(self.eat(token), "{token:?} is before {}", self.rest.as_str());
        self.value()
    }

    fn list<T>(&mut self, end: &str, item: impl Fn(&mut Self) -> T) -> Vec<T> {
        let mut items = Vec::new();
        while !self.eat(end) {
            items.push(item(self));
            self.eat(", ");
        }
        items
    }

    fn word(&mut self) -> String {
        let rest = self.rest.as_str();
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || "_-.+".contains(c))).unwrap_or(rest.len());
        assert!(end > 0, "a word is before {rest}");
        self.rest = rest[end..].chars();
        rest[..end].to_owned()
    }

    fn quoted(&mut self) -> String {
        let mut text = String::new();
        loop {
            match self.rest.next().expect("a quote ends") {
                '"' => return text,
                '\\' => text.extend(['\\', self.rest.next().expect("an escape ends")]),
                plain => text.push(plain),
            }
        }
    }
}
