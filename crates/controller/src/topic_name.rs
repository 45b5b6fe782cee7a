//! Which names a topic may have.

/// The longest name: with the partition's number it still fits a directory's name.
pub const MAX_LENGTH: usize = 249;

/// Checks a name.
///
/// # Errors
/// A sentence that says what is wrong with it.
pub fn check(name: &str) -> Result<(), String> {
    if name.is_empty() {
        return Err("a topic's name may not be empty".to_owned());
    }
    if name == "." || name == ".." {
        return Err(format!("a topic may not be named '{name}'"));
    }
    if name.len() > MAX_LENGTH {
        return Err(format!("a topic's name may have {MAX_LENGTH} characters at most, not {}", name.len()));
    }
    match name.chars().find(|c| !is_allowed(*c)) {
        Some(wrong) => Err(format!(
            "the topic name '{name}' has the character '{wrong}'; use ASCII letters, digits, '.', '_' and '-'"
        )),
        None => Ok(()),
    }
}

fn is_allowed(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
}

/// What two names have in common that must not both exist: metric names turn `.` into `_`. None for a name that
/// cannot collide.
pub fn collision_key(name: &str) -> Option<String> {
    name.contains(['.', '_']).then(|| name.replace('.', "_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_letters_digits_dots_dashes_and_underscores() {
        for good in ["a", "Ok_1.2-3", "...", "__consumer_offsets", &"x".repeat(249)] {
            assert_eq!(check(good), Ok(()));
        }
        for bad in ["", ".", "..", "a b", "a/b", "a:b", "ü", "a\0", &"x".repeat(250)] {
            assert!(check(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn names_that_differ_in_dots_and_underscores_only_collide() {
        assert_eq!(collision_key("a.b"), collision_key("a_b"));
        assert_ne!(collision_key("a.b"), collision_key("a_b_c"));
        assert_eq!(collision_key("ab"), None);
    }
}
