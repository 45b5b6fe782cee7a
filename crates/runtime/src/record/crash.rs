//! What a recorded run may leave behind when it is cut short.

use super::log::{Log, Operation};
use super::names::Order;
use super::volume::Fate;
use super::{FileId, Image, SectorSize, Volume};

/// Something that a power failure keeps or loses by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A change of names that no directory sync covers, by its number.
    Name(u64),
    /// A change of a file's length that no sync covers.
    Length(FileId),
    /// A sector that was written and that no sync covers, by its number in the file.
    Sector(FileId, u64),
}

/// Which of the loose things a power failure keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// What was synced and no more.
    Nothing,
    /// All that was done.
    Everything,
    /// All but this.
    AllBut(Unit),
    /// Nothing but this; for a sector, all names and lengths as well, so that it can be seen.
    Only(Unit),
    /// A random choice, after random writing back while the run went on, so that a sector may be as it was at any time
    /// since the last sync. The number is its seed.
    Random(u64),
}

/// One thing that a power failure may leave.
#[derive(Clone, Debug)]
pub struct PowerFailure {
    /// What it kept.
    pub kept: Kept,
    /// What is there then.
    pub image: Image,
}

/// The boundaries of a log, in order.
#[derive(Debug)]
pub struct CrashPoints<'a> {
    log: &'a Log,
    volume: Volume,
    done: usize,
    started: bool,
}

impl<'a> CrashPoints<'a> {
    pub(super) fn new(log: &'a Log) -> CrashPoints<'a> {
        CrashPoints { log, volume: log.initial.clone(), done: 0, started: false }
    }

    fn here(&self) -> CrashPoint<'a> {
        let mut volume = self.volume.clone();
        volume.collect(|_| false); // what no name can lead to any more is no choice
        CrashPoint { log: self.log, operations: self.done, volume }
    }
}

impl<'a> Iterator for CrashPoints<'a> {
    type Item = CrashPoint<'a>;

    fn next(&mut self) -> Option<CrashPoint<'a>> {
        if !std::mem::replace(&mut self.started, true) {
            return Some(self.here());
        }
        loop {
            let operation = self.log.operations.get(self.done)?;
            self.volume.replay(operation);
            self.done += 1;
            if operation.changes_something() {
                return Some(self.here());
            }
        }
    }
}

/// A moment at which a recorded run is cut short.
#[derive(Clone, Debug)]
pub struct CrashPoint<'a> {
    log: &'a Log,
    /// How many of the log's operations were done.
    pub operations: usize,
    volume: Volume,
}

impl<'a> CrashPoint<'a> {
    /// The operations that were done.
    pub fn done(&self) -> &'a [Operation] {
        &self.log.operations[..self.operations]
    }

    /// What is there when the process dies and the machine lives on.
    pub fn after_process_crash(&self) -> Image {
        Image::of(self.volume.clone())
    }

    /// The same, but what was not synced is still loose: a power failure after the next process has begun may lose it. To
    /// be loaded into a simulated disk; a real directory takes all of it as durable.
    pub fn after_process_crash_with_loose(&self) -> Image {
        Image::with_loose(self.volume.clone())
    }

    /// What a power failure leaves under one choice.
    pub fn after_power_failure(&self, size: SectorSize, kept: Kept) -> Image {
        let volume = match kept {
            Kept::Random(seed) => self.random(size, seed),
            _ => {
                let mut volume = self.volume.clone();
                volume.power_failure(size, &mut Chosen(kept));
                volume
            }
        };
        Image::of(volume)
    }

    /// What a power failure may leave: nothing loose kept, everything, each loose thing kept or lost by itself, and
    /// `random` choices of many.
    pub fn power_failures(&self, size: SectorSize, random: u64) -> Vec<PowerFailure> {
        self.choices(size, random)
            .into_iter()
            .map(|kept| PowerFailure { kept, image: self.after_power_failure(size, kept) })
            .collect()
    }

    /// The choices that [`CrashPoint::power_failures`] makes.
    pub fn choices(&self, size: SectorSize, random: u64) -> Vec<Kept> {
        let units = self.units(size);
        let mut choices = vec![Kept::Nothing];
        if units.is_empty() {
            return choices;
        }
        choices.push(Kept::Everything);
        choices.extend(units.iter().map(|unit| Kept::AllBut(*unit)));
        choices.extend(units.iter().map(|unit| Kept::Only(*unit)));
        choices.extend((0..random).map(|number| Kept::Random((self.operations as u64) << 16 | number)));
        choices
    }

    /// All that is loose at this moment.
    pub fn units(&self, size: SectorSize) -> Vec<Unit> {
        let mut units: Vec<Unit> = self.volume.loose_names().map(Unit::Name).collect();
        for (file, contents) in self.volume.files() {
            if contents.is_length_loose() {
                units.push(Unit::Length(file));
            }
            units.extend(contents.loose_sectors(size).into_iter().map(|sector| Unit::Sector(file, sector)));
        }
        units
    }

    fn random(&self, size: SectorSize, seed: u64) -> Volume {
        let mut dice = Dice(seed ^ 0x5851_f42d_4c95_7f2d);
        let eagerness = dice.below(4); // from never writing back to doing it at half of the operations
        let mut volume = self.log.initial.clone();
        for operation in self.done() {
            volume.replay(operation);
            if dice.below(8) < eagerness {
                write_back(&mut volume, operation, &mut dice);
            }
        }
        let order = if dice.below(2) == 0 { Order::Earlier } else { Order::Later };
        let kept_of_eight = 1 + dice.below(7);
        volume.power_failure(size, &mut Random { dice, kept_of_eight, order });
        volume
    }
}

/// The kernel does some of its work early.
fn write_back(volume: &mut Volume, operation: &Operation, dice: &mut Dice) {
    let names = volume.loose_names().count() as u64;
    match operation {
        Operation::Write { file, .. } | Operation::SetLength { file, .. } | Operation::Allocate { file, .. } => {
            let Ok(contents) = volume.contents_mut(*file) else { return };
            match dice.below(4) {
                0 => contents.commit_length(),
                _ => contents.write_back(dice.next()),
            }
        }
        _ if names > 0 => volume.commit_names(dice.below(names + 1)),
        _ => {}
    }
}

struct Chosen(Kept);

impl Chosen {
    fn keeps(&self, unit: Unit) -> bool {
        match self.0 {
            Kept::Nothing => false,
            Kept::Everything => true,
            Kept::AllBut(lost) => unit != lost,
            Kept::Only(kept) => unit == kept || (matches!(kept, Unit::Sector(..)) && !matches!(unit, Unit::Sector(..))),
            Kept::Random(_) => unreachable!("random choices are made elsewhere"),
        }
    }
}

impl Fate for Chosen {
    fn keeps_name(&mut self, change: u64) -> bool {
        self.keeps(Unit::Name(change))
    }

    fn keeps_length(&mut self, file: FileId) -> bool {
        self.keeps(Unit::Length(file))
    }

    fn keeps_sector(&mut self, file: FileId, sector: u64) -> bool {
        self.keeps(Unit::Sector(file, sector))
    }

    fn order(&self) -> Order {
        if matches!(self.0, Kept::AllBut(_)) { Order::Later } else { Order::Earlier }
    }
}

struct Random {
    dice: Dice,
    kept_of_eight: u64,
    order: Order,
}

impl Random {
    fn keeps(&mut self) -> bool {
        self.dice.below(8) < self.kept_of_eight
    }
}

impl Fate for Random {
    fn keeps_name(&mut self, _: u64) -> bool {
        self.keeps()
    }

    fn keeps_length(&mut self, _: FileId) -> bool {
        self.keeps()
    }

    fn keeps_sector(&mut self, _: FileId, _: u64) -> bool {
        self.keeps()
    }

    fn order(&self) -> Order {
        self.order
    }
}

/// SplitMix64: these choices are data of a test, and need no runtime.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}
