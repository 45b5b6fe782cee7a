//! Changes of names that no directory sync has made durable yet.

use super::FileId;

/// A name in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    pub directory: FileId,
    pub name: String,
}

/// Something got, lost or changed its name. Happens whole or not at all.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    /// Counts them, over the life of the volume.
    pub number: u64,
    /// The file or directory.
    pub of: FileId,
    pub from: Option<Name>,
    pub to: Option<Name>,
}

impl Change {
    pub fn touches(&self, directory: FileId) -> bool {
        [&self.from, &self.to].into_iter().flatten().any(|name| name.directory == directory)
    }

    fn shares_name_with(&self, other: &Change) -> bool {
        let mine = [&self.from, &self.to].into_iter().flatten();
        mine.into_iter().any(|name| [&other.from, &other.to].into_iter().flatten().any(|theirs| name == theirs))
    }
}

/// What follows from a choice that breaks the order in which one name changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// A change that happened needs the earlier ones of its names to have happened, too.
    Earlier,
    /// A change that did not happen takes the later ones of its names with it.
    Later,
}

/// Completes a choice of changes (one flag each) so that the changes of each name are in order.
pub(crate) fn close(changes: &[Change], happened: &mut [bool], order: Order) {
    match order {
        Order::Earlier => {
            for later in (0..changes.len()).rev().filter(|later| happened[*later]).collect::<Vec<_>>() {
                require_earlier(changes, happened, later);
            }
        }
        Order::Later => {
            for later in 0..changes.len() {
                let is_blocked =
                    (0..later).any(|earlier| !happened[earlier] && changes[later].shares_name_with(&changes[earlier]));
                happened[later] &= !is_blocked;
            }
        }
    }
}

fn require_earlier(changes: &[Change], happened: &mut [bool], later: usize) {
    for earlier in (0..later).rev() {
        if !happened[earlier] && changes[later].shares_name_with(&changes[earlier]) {
            happened[earlier] = true;
            require_earlier(changes, happened, earlier);
        }
    }
}
