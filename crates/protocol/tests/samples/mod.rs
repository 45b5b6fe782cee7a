//! Random messages as bytes, written from the tables alone: a second writer that shares no code with the codec.

pub mod batches;
pub mod densest;
mod dice;

pub use dice::Dice;

use protocol::schema::{FieldSpec, Layout, Struct, Type};

/// Tags above all that Kafka uses in 4.3.
const FIRST_UNKNOWN_TAG: u32 = 40;

/// A message of `table` in `layout`, in the one form that an encoder writes: tags in order, none with a default in it.
pub fn message(table: &Struct, layout: Layout, dice: &mut Dice) -> Vec<u8> {
    let mut sampler = Sampler { out: Vec::new(), dice, depth: 0, telling: false };
    sampler.structure(table, layout);
    sampler.out
}

/// A section of tagged fields that no table knows.
#[allow(dead_code)] // not every test needs headers
pub fn unknown_tags(dice: &mut Dice) -> Vec<u8> {
    let mut sampler = Sampler { out: Vec::new(), dice, depth: 0, telling: false };
    sampler.tagged_fields(&[], Layout::new(0, 0));
    sampler.out
}

/// A number seven bits a byte, the lowest first.
fn varint(out: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

struct Sampler<'a> {
    out: Vec<u8>,
    dice: &'a mut Dice,
    depth: u32,
    /// Whether no value may be a likely default: inside of a tagged field, which is left out when it is one.
    telling: bool,
}

impl Sampler<'_> {
    fn structure(&mut self, table: &Struct, layout: Layout) {
        for (field, kind) in table.fields {
            if field.tag.is_none() && field.versions.contain(layout.version) {
                self.value(kind, layout.of(field));
            }
        }
        if layout.flexible {
            self.tagged_fields(table.fields, layout);
        }
    }

    fn tagged_fields(&mut self, fields: &[(FieldSpec, Type)], layout: Layout) {
        let mut section: Vec<(u32, Vec<u8>)> = Vec::new();
        for (field, kind) in fields {
            let Some(tag) = field.tag.filter(|_| field.versions.contain(layout.version)) else { continue };
            if self.telling || self.dice.one_in(2) {
                section.push((tag, self.apart(|inside| inside.value(kind, layout.of(field)))));
            }
        }
        let mut tag = FIRST_UNKNOWN_TAG;
        while self.dice.one_in(8) {
            tag += self.dice.below(1 << 20) + 1;
            let length = self.length();
            section.push((tag, (0..length).map(|_| self.dice.byte()).collect()));
        }
        section.sort_by_key(|(tag, _)| *tag);
        varint(&mut self.out, section.len() as u32);
        for (tag, value) in section {
            varint(&mut self.out, tag);
            varint(&mut self.out, value.len() as u32);
            self.out.extend(value);
        }
    }

    /// What `write` writes, which is not a default.
    fn apart(&mut self, write: impl FnOnce(&mut Sampler<'_>)) -> Vec<u8> {
        let mut inside = Sampler { out: Vec::new(), dice: self.dice, depth: self.depth, telling: true };
        write(&mut inside);
        inside.out
    }

    fn value(&mut self, kind: &Type, layout: Layout) {
        let null = layout.nullable && !self.telling && self.dice.one_in(4);
        match kind {
            Type::Bool => self.boolean(),
            Type::Int8 => self.number(1),
            Type::Int16 | Type::Uint16 => self.number(2),
            Type::Int32 | Type::Uint32 => self.number(4),
            Type::Int64 => self.number(8),
            Type::Float64 => self.float(),
            Type::Uuid => (0..16).for_each(|_| self.any_byte()),
            Type::String if null => self.null(2, layout),
            Type::Bytes | Type::Array(_) if null => self.null(4, layout),
            Type::String => self.string(layout),
            Type::Bytes => {
                let length = self.length();
                self.size(length, 4, layout);
                (0..length).for_each(|_| self.any_byte());
            }
            Type::Array(element) => self.array(element, layout),
            Type::Struct(_) if null => self.out.push(0xff),
            Type::Struct(table) => {
                if layout.nullable {
                    self.out.push(1);
                }
                self.structure(table, layout.of_element());
            }
        }
    }

    fn any_byte(&mut self) {
        let byte = self.dice.byte();
        self.out.push(byte);
    }

    fn boolean(&mut self) {
        let value = self.telling || self.dice.one_in(2);
        self.out.push(u8::from(value));
    }

    fn number(&mut self, bytes: usize) {
        let value = match self.dice.below(8) {
            0 if !self.telling => u64::MAX,
            1 if !self.telling => 0,
            2 if !self.telling => u64::MAX >> (65 - 8 * bytes),
            3 => u64::from(self.dice.below(50)) + 2,
            _ => self.dice.next() & !1 | 2, // neither 0, -1 nor an end of the range
        };
        self.out.extend(&value.to_be_bytes()[8 - bytes..]);
    }

    fn float(&mut self) {
        let value = f64::from(self.dice.below(1 << 30)) / 64.0 - 1e6;
        self.out.extend(value.to_be_bytes());
    }

    fn length(&mut self) -> usize {
        let length = match self.dice.below(32) {
            0 => 120 + self.dice.below(20),
            1 if self.depth < 2 => 1000 + self.dice.below(50),
            2..8 => 0,
            _ => self.dice.below(12),
        };
        length.max(u32::from(self.telling)) as usize
    }

    fn string(&mut self, layout: Layout) {
        const LETTERS: [char; 12] = ['a', 'b', 'z', 'Q', '-', '.', '0', ' ', 'ß', '語', '\u{0}', '🦀'];
        let length = self.length();
        let text: String = (0..length).map(|_| LETTERS[self.dice.below(12) as usize]).collect();
        self.size(text.len(), 2, layout);
        self.out.extend(text.as_bytes());
    }

    fn array(&mut self, element: &Type, layout: Layout) {
        let is_struct = matches!(element, Type::Struct(_));
        let count = if is_struct { self.dice.below(4).saturating_sub(self.depth) as usize } else { self.length() };
        let count = count.max(usize::from(self.telling));
        self.size(count, 4, layout);
        self.depth += 1;
        for _ in 0..count {
            self.value(element, layout.of_element());
        }
        self.depth -= 1;
    }

    fn size(&mut self, size: usize, width: usize, layout: Layout) {
        match layout.flexible {
            true => varint(&mut self.out, size as u32 + 1),
            false => self.out.extend(&(size as u32).to_be_bytes()[4 - width..]),
        }
    }

    fn null(&mut self, width: usize, layout: Layout) {
        match layout.flexible {
            true => self.out.push(0),
            false => self.out.extend(&[0xff; 4][..width]),
        }
    }
}
