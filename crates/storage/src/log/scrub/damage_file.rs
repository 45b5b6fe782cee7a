//! `damaged-ranges`: what of a log is damaged, in its directory. A start that does not know it would claim to have what
//! cannot be read. Ours; a line a segment: first offset, next offset, base offset, position, length.

use super::Damage;
use crate::fault::StorageFault;
use crate::volume::{Volume, join};
use model::{Offset, mark};
use std::collections::BTreeMap;
use std::fmt::Write;

/// The file in a partition's directory.
pub(crate) const FILE: &str = "damaged-ranges";

/// The file's text.
pub(crate) fn encode<'a>(damage: impl Iterator<Item = &'a Damage>) -> String {
    damage.fold(String::new(), |mut text, damage| {
        let Damage { first_offset, next_offset, segment_base_offset, position, length, .. } = damage;
        let _ = writeln!(text, "{first_offset} {next_offset} {segment_base_offset} {position} {length}");
        text
    })
}

/// What the file in a partition's `directory` says, by segment. One that cannot be read says that every one of `bases` is
/// to be looked at.
pub(crate) async fn read(
    volume: &Volume,
    directory: &str,
    bases: &[Offset],
) -> Result<BTreeMap<Offset, Damage>, StorageFault> {
    let path = join(directory, FILE);
    let Some(bytes) = volume.read_small(&path).await? else { return Ok(BTreeMap::new()) };
    let lines = std::str::from_utf8(&bytes).ok().and_then(|text| text.lines().map(parse).collect::<Option<Vec<_>>>());
    let damage = lines.unwrap_or_else(|| {
        mark!("damaged ranges not usable");
        tracing::warn!("{path}: cannot be read: all of the log is looked at");
        bases.iter().map(|base| found([*base, Offset::MAX, *base, 0, 0])).collect()
    });
    Ok(damage.into_iter().map(|damage| (damage.segment_base_offset, damage)).collect())
}

fn parse(line: &str) -> Option<Damage> {
    let numbers: Vec<i64> = line.split(' ').map(|number| number.parse().ok()).collect::<Option<_>>()?;
    let numbers: [i64; 5] = numbers.try_into().ok()?;
    numbers.iter().all(|number| *number >= 0).then(|| found(numbers))
}

fn found([first_offset, next_offset, segment_base_offset, position, length]: [i64; 5]) -> Damage {
    Damage {
        first_offset,
        next_offset,
        segment_base_offset,
        position: position.unsigned_abs(),
        length: length.unsigned_abs(),
        is_open_ended: false,
        layout: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_nothing_else() {
        let damage = [found([10, 20, 0, 700, 300]), found([130, 140, 100, 0, 0])];
        let text = encode(damage.iter());
        assert_eq!(text, "10 20 0 700 300\n130 140 100 0 0\n");
        assert_eq!(text.lines().map(parse).collect::<Option<Vec<_>>>(), Some(damage.to_vec()));
        for line in ["", "1 2 3 4", "1 2 3 4 5 6", "1 2 3 -4 5", "a b c d e"] {
            assert_eq!(parse(line), None, "{line:?}");
        }
    }
}
