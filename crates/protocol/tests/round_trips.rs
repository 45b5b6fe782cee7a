//! Every message in every version: bytes written from the tables are read, written back the same, and read again.

mod every_message;
mod samples;

use bytes::Bytes;
use every_message::{Kind, Role, kinds};
use protocol::header::{RequestHeader, ResponseHeader};
use protocol::wire::EncodeProblem;
use protocol::{ApiKey, Reader, Writer};
use samples::Dice;

/// Messages of each type in each version.
const SAMPLES: u64 = 64;

fn for_each_version(mut check: impl FnMut(&Kind, i16)) {
    for kind in kinds() {
        for version in kind.versions.clone() {
            check(&kind, version);
        }
    }
}

fn for_each_sample(samples: u64, mut check: impl FnMut(&Kind, i16, Bytes)) {
    for_each_version(|kind, version| {
        for seed in 0..samples {
            let bytes = samples::message(kind.table, kind.layout(version), &mut Dice::new(seed));
            check(kind, version, bytes.into());
        }
    });
}

#[test]
fn no_message_is_left_out() {
    let kinds = kinds();
    for key in ApiKey::ALL {
        let named = |role| kinds.iter().filter(|kind| kind.role == role).map(|kind| kind.name).collect::<Vec<_>>();
        assert_eq!(named(Role::Request(key.code())), [format!("{}Request", key.name())]);
        assert_eq!(named(Role::Response(key.code())), [format!("{}Response", key.name())]);
    }
    let listed = include_str!("../src/payloads/mod.rs");
    let exported = listed.split("pub use ").skip(1).flat_map(|line| {
        let names = line.split_once("::").expect("a path").1;
        names.split(|c: char| !c.is_alphanumeric()).filter(|name| !name.is_empty())
    });
    let mut exported: Vec<&str> = exported.collect();
    let mut payloads: Vec<&str> = kinds.iter().filter(|k| k.role == Role::Payload).map(|k| k.name).collect();
    exported.sort_unstable();
    payloads.sort_unstable();
    assert_eq!(payloads, exported);
}

#[test]
fn every_message_is_written_back_as_it_was_read() {
    let mut count = 0;
    for_each_sample(SAMPLES, |kind, version, bytes| {
        let context = || format!("{} v{version}, {bytes:?}", kind.name);
        let value = kind.decode_whole(&bytes, version).unwrap_or_else(|error| panic!("{error}: {}", context()));
        let written = value.encode(version).unwrap_or_else(|error| panic!("{error}: {}", context()));
        assert_eq!(written, bytes, "{value:?} is written another way: {}", context());
        let again = kind.decode_whole(&written, version).expect("the same bytes");
        assert!(value.equals(&*again), "{value:?} becomes {again:?}: {}", context());
        count += 1;
    });
    assert!(count > 10_000, "{count} messages");
}

#[test]
fn what_ends_too_early_is_refused() {
    for_each_sample(2, |kind, version, bytes| {
        let step = bytes.len() / 100 + 1; // each end of short ones
        for end in (0..bytes.len()).rev().step_by(step) {
            let cut = bytes.slice(..end);
            let result = (kind.decode)(&mut Reader::new(cut), version);
            assert!(result.is_err(), "{} v{version} is read from {end} of {bytes:?}", kind.name);
        }
    });
}

#[test]
fn a_message_of_another_version_is_whole_or_refused() {
    for_each_sample(4, |kind, version, bytes| {
        let value = kind.decode_whole(&bytes, version).expect("a sample");
        for other in kind.versions.clone() {
            match value.encode(other) {
                Ok(written) => {
                    let read = kind.decode_whole(&written, other).expect("what was written can be read");
                    assert_eq!(read.encode(other).as_ref(), Ok(&written), "{} v{version} as v{other}", kind.name);
                }
                Err(error) => {
                    let refused = matches!(
                        error.problem,
                        EncodeProblem::Null | EncodeProblem::NotInVersion(_) | EncodeProblem::NoTaggedFields
                    );
                    assert!(refused && other != version, "{} v{version} as v{other}: {error}", kind.name);
                }
            }
        }
    });
}

#[test]
fn defaults_read_back_wherever_they_can_be_written() {
    let mut refused = Vec::new();
    for_each_version(|kind, version| {
        let initial = (kind.initial)();
        match initial.encode(version) {
            Ok(written) => {
                let read = kind.decode_whole(&written, version).expect("what was written can be read");
                assert!(read.equals(&*initial), "{} v{version}: {initial:?} becomes {read:?}", kind.name);
            }
            Err(error) => refused.push(format!("{} v{version}: {error}", kind.name)),
        }
    });
    assert_eq!(refused, [""; 0], "a default of null in a version without nulls");
}

#[test]
fn versions_outside_the_table_are_refused() {
    for kind in kinds() {
        for version in [kind.versions.start() - 1, kind.versions.end() + 1, i16::MIN, i16::MAX] {
            assert!((kind.initial)().encode(version).is_err(), "{} v{version}", kind.name);
            let mut reader = Reader::new(Bytes::from_static(&[0; 64]));
            assert!((kind.decode)(&mut reader, version).is_err(), "{} v{version}", kind.name);
        }
    }
}

#[test]
fn headers_are_written_back_as_they_were_read() {
    let mut dice = Dice::new(1);
    for key in ApiKey::ALL {
        for version in key.definition().versions.first..=key.definition().versions.last {
            for client_id in [&b"\xff\xff"[..], b"\0\0", b"\0\x03abc"] {
                let flexible = version >= key.definition().flexible_from;
                let tags = if flexible { samples::unknown_tags(&mut dice) } else { Vec::new() };
                let start = [key.code().to_be_bytes(), version.to_be_bytes()].concat();
                let bytes = Bytes::from([&start[..], &[1, 2, 3, 4], client_id, &tags].concat());
                let header = RequestHeader::decode(&mut Reader::new(bytes.clone())).expect("a header");
                assert_eq!(header.client_id.as_deref().map(str::len).unwrap_or_default(), client_id.len() - 2);
                let mut writer = Writer::new();
                header.encode(&mut writer).expect("what was read can be written");
                assert_eq!(writer.finish_contiguous(), bytes, "{key:?} v{version}: {header:?}");
            }
        }
    }
    for version in [0, 1] {
        let tags = if version == 1 { samples::unknown_tags(&mut dice) } else { Vec::new() };
        let bytes = Bytes::from([&[0xff, 2, 3, 4], &tags[..]].concat());
        let header = ResponseHeader::decode(&mut Reader::new(bytes.clone()), version).expect("a header");
        let mut writer = Writer::new();
        header.encode(&mut writer, version).expect("what was read can be written");
        assert_eq!(writer.finish_contiguous(), bytes, "v{version}: {header:?}");
    }
}
