//! Which names a file may have.
//!
//! Names come from backends and from clients and become parts of paths, URLs and download headers. Instead of escaping
//! them three times, only names are taken that mean the same in all three, on every file system.

use super::FilesError;

/// The rule in words.
const RULE: &str = "1 to 128 characters of A-Z, a-z, 0-9, dot, underscore and hyphen, not beginning with a dot";

const LONGEST: usize = 128;

/// Passes `name` through if it may be the name of a file.
pub(super) fn check(name: &str) -> Result<&str, FilesError> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if !name.is_empty() && name.len() <= LONGEST && !name.starts_with('.') && name.bytes().all(allowed) {
        Ok(name)
    } else {
        Err(refused(name, RULE))
    }
}

/// Refuses `name` because of `rule`. Of a long name the beginning is enough to recognise it.
pub(super) fn refused(name: &str, rule: &'static str) -> FilesError {
    FilesError::BadName { name: name.chars().take(64).collect(), rule }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_names_are_names() {
        for name in ["0.png", "a", "A-1_b.tar.gz", "-", "a..b", &"x".repeat(128)] {
            assert_eq!(check(name).unwrap(), name);
        }
    }

    #[test]
    fn what_could_lead_elsewhere_or_mean_something_is_refused() {
        let long = "x".repeat(129);
        for name in
            ["", ".", "..", ".hidden", "../../x", "a/b", "a\\b", "/etc/passwd", "a b", "a\0", "ä", "a\n", "C:", &long]
        {
            assert!(matches!(check(name), Err(FilesError::BadName { .. })), "{name:?}");
        }
    }

    #[test]
    fn a_long_name_does_not_make_a_long_message() {
        assert!(check(&"x".repeat(100_000)).unwrap_err().to_string().len() < 400);
    }
}
