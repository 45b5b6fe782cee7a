//! Messages that take the most memory for their size: long arrays of elements with nothing in them.

use protocol::schema::{Layout, Struct, Type};

/// For each array of `table`, a message in which that one has `count` elements and all else is as small as it can be.
/// With `tags`, each element has a tagged field, empty and unknown.
#[allow(dead_code)] // not every test needs them
pub fn messages(table: &Struct, layout: Layout, count: u32, tags: bool) -> Vec<Vec<u8>> {
    let mut paths = Vec::new();
    find_arrays(table, layout, &mut Vec::new(), &mut paths);
    let tags = tags && layout.flexible;
    let write = |path: Vec<usize>| {
        let mut densest = Densest { out: Vec::new(), count, tags };
        densest.structure(table, layout, &path);
        densest.out
    };
    paths.into_iter().map(write).collect()
}

/// Paths of field numbers that end at an array.
fn find_arrays(table: &Struct, layout: Layout, path: &mut Vec<usize>, found: &mut Vec<Vec<usize>>) {
    for (index, (field, kind)) in table.fields.iter().enumerate() {
        if !field.versions.contain(layout.version) {
            continue;
        }
        path.push(index);
        if let Type::Array(_) = kind {
            found.push(path.clone());
        }
        if let Type::Array(Type::Struct(inner)) | Type::Struct(inner) = kind {
            find_arrays(inner, layout, path, found);
        }
        path.pop();
    }
}

struct Densest {
    out: Vec<u8>,
    count: u32,
    tags: bool,
}

impl Densest {
    fn structure(&mut self, table: &Struct, layout: Layout, path: &[usize]) {
        let mut tagged = None;
        for (index, (field, kind)) in table.fields.iter().enumerate() {
            let inside = if path.first() == Some(&index) { &path[1..] } else { &[] };
            let on_path = path.first() == Some(&index);
            if field.is_plain_in(layout.version) {
                self.value(kind, layout.of(field), on_path, inside);
            } else if let (true, Some(tag)) = (on_path, field.tag) {
                let mut apart = Densest { out: Vec::new(), ..*self };
                apart.value(kind, layout.of(field), true, inside);
                tagged = Some((tag, apart.out));
            }
        }
        if layout.flexible {
            self.tag_section(tagged, self.tags && path.is_empty());
        }
    }

    fn tag_section(&mut self, known: Option<(u32, Vec<u8>)>, unknown: bool) {
        self.varint(u32::from(known.is_some()) + u32::from(unknown));
        for (tag, value) in known.into_iter().chain(unknown.then(|| (100, Vec::new()))) {
            self.varint(tag);
            self.varint(value.len() as u32);
            self.out.extend(value);
        }
    }

    fn value(&mut self, kind: &Type, layout: Layout, on_path: bool, inside: &[usize]) {
        let width = match kind {
            Type::Struct(table) if on_path || !layout.nullable => {
                if layout.nullable {
                    self.out.push(1);
                }
                return self.structure(table, layout.of_element(), inside);
            }
            Type::Struct(_) => return self.out.push(0xff),
            Type::Array(element) if on_path => return self.array(element, layout, inside),
            Type::Array(_) | Type::Bytes | Type::String if layout.flexible => return self.out.push(1),
            Type::Bool | Type::Int8 => 1,
            Type::Int16 | Type::Uint16 | Type::String => 2,
            Type::Int32 | Type::Uint32 | Type::Bytes | Type::Array(_) => 4,
            Type::Int64 | Type::Float64 => 8,
            Type::Uuid => 16,
        };
        self.out.extend(&[0; 16][..width]);
    }

    fn array(&mut self, element: &Type, layout: Layout, inside: &[usize]) {
        let count = if inside.is_empty() { self.count } else { 1 };
        match layout.flexible {
            true => self.varint(count + 1),
            false => self.out.extend(count.to_be_bytes()),
        }
        for _ in 0..count {
            self.value(element, layout.of_element(), !inside.is_empty(), inside);
        }
    }

    fn varint(&mut self, value: u32) {
        super::varint(&mut self.out, value);
    }
}
