//! Records inside an uncompressed payload.

use super::error::BatchError;
use super::varint;
use bytes::Bytes;

/// A record that shares its payload's memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Reserved; 0.
    pub attributes: i8,
    /// Milliseconds after the batch's base timestamp.
    pub timestamp_delta: i64,
    /// Offset less the batch's base offset.
    pub offset_delta: i32,
    /// The key, or null.
    pub key: Option<Bytes>,
    /// The value, or null: a tombstone in a compacted topic.
    pub value: Option<Bytes>,
    /// In the order written, duplicates kept.
    pub headers: Vec<Header>,
}

/// One header of a record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// UTF-8 by convention; no broker checks it.
    pub key: Bytes,
    /// The value, or null.
    pub value: Option<Bytes>,
}

impl Header {
    /// The header `key: value`.
    pub fn new(key: impl Into<Bytes>, value: impl Into<Bytes>) -> Header {
        Header { key: key.into(), value: Some(value.into()) }
    }
}

/// A record that borrows from its payload. Its structure was checked to the last header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordView<'a> {
    /// Reserved; 0.
    pub attributes: i8,
    /// Milliseconds after the batch's base timestamp.
    pub timestamp_delta: i64,
    /// Offset less the batch's base offset.
    pub offset_delta: i32,
    /// The key, or null.
    pub key: Option<&'a [u8]>,
    /// The value, or null.
    pub value: Option<&'a [u8]>,
    /// The headers, to be iterated.
    pub headers: HeaderViews<'a>,
}

impl<'a> RecordView<'a> {
    /// Parses the record at `*position` of `payload` and moves past it.
    ///
    /// # Errors
    /// What is malformed: a length that leads outside, or one that does not add up.
    #[inline(always)]
    pub fn parse(payload: &'a [u8], position: &mut usize) -> Result<RecordView<'a>, &'static str> {
        let length = varint::read_i32(payload, position).ok_or("its length is cut short")?;
        if length < 0 || length as usize > payload.len() - *position {
            return Err("its length leads outside the batch");
        }
        let end = *position + length as usize;
        let body = &payload[..end];
        let attributes = *body.get(*position).ok_or("it is empty")? as i8;
        *position += 1;
        let timestamp_delta = varint::read_i64(body, position).ok_or("its timestamp is cut short")?;
        let offset_delta = varint::read_i32(body, position).ok_or("its offset is cut short")?;
        let key = read_nullable(body, position).ok_or("its key leads outside the record")?;
        let value = read_nullable(body, position).ok_or("its value leads outside the record")?;
        let headers = HeaderViews::parse(body, position)?;
        if *position != end {
            return Err("bytes are left after its headers");
        }
        Ok(RecordView { attributes, timestamp_delta, offset_delta, key, value, headers })
    }

    /// The same record, sharing the memory of `payload`, from which this view borrows.
    pub fn share(&self, payload: &Bytes) -> Record {
        Record {
            attributes: self.attributes,
            timestamp_delta: self.timestamp_delta,
            offset_delta: self.offset_delta,
            key: self.key.map(|key| payload.slice_ref(key)),
            value: self.value.map(|value| payload.slice_ref(value)),
            headers: self
                .headers
                .map(|(key, value)| Header {
                    key: payload.slice_ref(key),
                    value: value.map(|value| payload.slice_ref(value)),
                })
                .collect(),
        }
    }
}

#[inline(always)]
fn read_nullable<'a>(body: &'a [u8], position: &mut usize) -> Option<Option<&'a [u8]>> {
    match varint::read_i32(body, position)? {
        -1 => Some(None),
        length if length < 0 || length as usize > body.len() - *position => None,
        length => {
            let start = *position;
            *position += length as usize;
            Some(Some(&body[start..*position]))
        }
    }
}

/// The headers of a [`RecordView`], in order: key and value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeaderViews<'a> {
    left: i32,
    bytes: &'a [u8],
}

impl<'a> HeaderViews<'a> {
    #[inline(always)]
    fn parse(body: &'a [u8], position: &mut usize) -> Result<HeaderViews<'a>, &'static str> {
        let left = varint::read_i32(body, position).ok_or("its header count is cut short")?;
        let start = *position;
        if left != 0 {
            Self::check(left, body, position)?;
        }
        Ok(HeaderViews { left, bytes: &body[start..*position] })
    }

    #[inline(never)]
    fn check(left: i32, body: &'a [u8], position: &mut usize) -> Result<(), &'static str> {
        if left < 0 {
            return Err("its header count is negative");
        }
        for _ in 0..left {
            read_header(body, position).ok_or("a header is malformed")?;
        }
        Ok(())
    }
}

fn read_header<'a>(body: &'a [u8], position: &mut usize) -> Option<(&'a [u8], Option<&'a [u8]>)> {
    let key = read_nullable(body, position)??;
    Some((key, read_nullable(body, position)?))
}

impl<'a> Iterator for HeaderViews<'a> {
    type Item = (&'a [u8], Option<&'a [u8]>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return None;
        }
        self.left -= 1;
        let mut position = 0;
        let header = read_header(self.bytes, &mut position)?;
        self.bytes = &self.bytes[position..];
        Some(header)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.left.max(0) as usize;
        (left, Some(left)) // they were all seen when the record was parsed
    }
}

/// Where an iteration over a payload stands; ends at the first error.
#[derive(Clone, Debug)]
struct Cursor {
    position: usize,
    index: i32,
    count: i32,
}

impl Cursor {
    fn new(count: i32) -> Cursor {
        Cursor { position: 0, index: 0, count }
    }

    fn next<'a>(&mut self, payload: &'a [u8]) -> Option<Result<RecordView<'a>, BatchError>> {
        if self.index >= self.count {
            let left = payload.len() - self.position;
            self.position = payload.len();
            return (left > 0).then_some(Err(BatchError::Remaining(left)));
        }
        let index = self.index;
        self.index += 1;
        Some(RecordView::parse(payload, &mut self.position).map_err(|what| {
            (self.index, self.position) = (self.count, payload.len());
            BatchError::Record { index, what }
        }))
    }
}

/// Iterates over the records of an uncompressed payload, borrowing. Yields one error at most, as the last item.
#[derive(Clone, Debug)]
pub struct RecordViews<'a> {
    payload: &'a [u8],
    cursor: Cursor,
}

impl<'a> RecordViews<'a> {
    /// The `count` records that `payload` should hold.
    pub fn new(payload: &'a [u8], count: i32) -> RecordViews<'a> {
        RecordViews { payload, cursor: Cursor::new(count) }
    }
}

impl<'a> Iterator for RecordViews<'a> {
    type Item = Result<RecordView<'a>, BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.cursor.next(self.payload)
    }
}

/// Iterates over the records of an uncompressed payload, sharing its memory. Yields one error at most, as the last item.
#[derive(Clone, Debug)]
pub struct Records {
    payload: Bytes,
    cursor: Cursor,
}

impl Records {
    /// The `count` records that `payload` should hold.
    pub fn new(payload: Bytes, count: i32) -> Records {
        Records { payload, cursor: Cursor::new(count) }
    }
}

impl Iterator for Records {
    type Item = Result<Record, BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        let view = self.cursor.next(&self.payload)?;
        Some(view.map(|view| view.share(&self.payload)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// length 14, attributes 0, timestamp +1, offset +0, key "k", value null, headers [("h", null), ("h", "")]
    const RECORD: [u8; 13] = [24, 0, 2, 0, 2, b'k', 1, 4, 2, b'h', 1, 2, b'h'];

    fn record() -> Vec<u8> {
        let mut bytes = RECORD.to_vec();
        bytes.push(0);
        bytes[0] = 26;
        bytes
    }

    #[test]
    fn a_record_shows_every_part() {
        let payload = Bytes::from(record());
        let records: Vec<_> = Records::new(payload.clone(), 1).collect();
        let Ok(record) = &records[0] else { panic!("{records:?}") };
        assert_eq!((record.timestamp_delta, record.offset_delta), (1, 0));
        assert_eq!((record.key.as_deref(), record.value.as_deref()), (Some(&b"k"[..]), None));
        let header = |value: Option<&'static [u8]>| Header { key: "h".into(), value: value.map(Bytes::from_static) };
        assert_eq!(record.headers, [header(None), header(Some(b""))]);
        assert_eq!(record.key.as_ref().unwrap().as_ptr(), payload[5..].as_ptr(), "the key is not copied");
    }

    #[test]
    fn a_wrong_length_anywhere_is_one_error_and_the_end() {
        for at in [0, 4, 6, 7, 8, 10, 11, 13] {
            for value in [0x7f, 0x05, 0x80] {
                let mut bytes = record();
                if bytes[at] == value || (at == 6 && value == 0x7f) {
                    continue;
                }
                bytes[at] = value;
                let items: Vec<_> = RecordViews::new(&bytes, 2).collect();
                assert!(
                    matches!(items.last(), Some(Err(BatchError::Record { .. }))),
                    "byte {at} = {value:#x}: {items:?}"
                );
            }
        }
    }

    #[test]
    fn the_count_must_fit_the_payload() {
        let two = [record(), record()].concat();
        assert_eq!(RecordViews::new(&two, 2).filter(Result::is_ok).count(), 2);
        let items: Vec<_> = RecordViews::new(&two, 1).collect();
        assert_eq!(items[1], Err(BatchError::Remaining(14)));
        let items: Vec<_> = RecordViews::new(&two, 3).collect();
        assert!(items[2].is_err() && items.len() == 3);
        assert_eq!(RecordViews::new(&[], 0).count(), 0);
    }
}
