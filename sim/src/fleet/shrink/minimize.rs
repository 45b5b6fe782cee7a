//! Delta debugging: takes away as many of a list of things as can be, halves first, then quarters, down to one by one.

/// What is left of `count` things, as places in the list. `first` is asked with what would be left, several ways at a time,
/// and tells the first that still fails; none when none does. Pieces are made no smaller than `finest` to the list.
pub fn minimize(count: usize, finest: usize, mut first: impl FnMut(&[Vec<usize>]) -> Option<usize>) -> Vec<usize> {
    let mut kept: Vec<usize> = (0..count).collect();
    if count == 0 || first(&[Vec::new()]).is_some() {
        return Vec::new();
    }
    let mut pieces = 2;
    let mut from = 0;
    while kept.len() > 1 {
        let without = without_each(&kept, pieces, from);
        if let Some(place) = first(&without) {
            // Go on behind what was taken away: what comes before it was just found to be needed.
            from = (from + place) % pieces;
            kept.clone_from(&without[place]);
            pieces = (pieces - 1).max(2).min(kept.len().max(2));
            from %= pieces;
        } else if pieces >= kept.len().min(finest) {
            break;
        } else {
            pieces = (2 * pieces).min(kept.len()).min(finest);
            from = 0;
        }
    }
    kept
}

/// The list without each of its pieces in turn, beginning with piece `from`.
fn without_each(kept: &[usize], pieces: usize, from: usize) -> Vec<Vec<usize>> {
    let pieces = pieces.min(kept.len());
    let edge = |piece: usize| kept.len() * piece / pieces;
    let without = |piece: usize| {
        let piece = (piece + from) % pieces;
        [&kept[..edge(piece)], &kept[edge(piece + 1)..]].concat()
    };
    (0..pieces).map(without).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Minimizes where a run fails as long as all of `needed` are there, and counts the tries.
    fn story(count: usize, needed: &[usize]) -> (Vec<usize>, usize) {
        let mut tries = 0;
        let left = minimize(count, usize::MAX, |candidates| {
            let fails = |kept: &Vec<usize>| needed.iter().all(|one| kept.contains(one));
            let first = candidates.iter().position(fails);
            tries += first.map_or(candidates.len(), |place| place + 1);
            first
        });
        (left, tries)
    }

    #[test]
    fn exactly_what_is_needed_is_left() {
        for needed in [vec![], vec![0], vec![99], vec![3, 50], vec![0, 1, 2, 98, 99]] {
            assert_eq!(story(100, &needed).0, needed);
        }
        assert_eq!(story(0, &[]).0, Vec::<usize>::new());
        assert_eq!(story(1, &[0]).0, [0]);
    }

    #[test]
    fn one_of_a_thousand_takes_a_few_dozen_tries() {
        let (left, tries) = story(1000, &[777]);
        assert_eq!(left, [777]);
        assert!(tries < 60, "{tries}");
    }

    #[test]
    fn no_more_pieces_are_made_than_was_asked_for() {
        let needed = [0, 21, 42, 63];
        let fails = |kept: &Vec<usize>| needed.iter().all(|one| kept.contains(one));
        let left = |finest| minimize(64, finest, |candidates| candidates.iter().position(fails)).len();
        assert_eq!(left(4), 64, "each quarter has one of them");
        assert!(left(16) < 40);
        assert_eq!(left(64), 4);
    }
}
