//! What could have been meant instead, for errors.

/// These names as what to choose from: `gpu0`, or `one of gpu0, gpu1`.
pub fn one_of(names: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| name.as_ref().to_owned()).collect();
    match names.as_slice() {
        [only] => only.clone(),
        names => format!("one of {}", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_one_there_is_nothing_to_choose() {
        assert_eq!(one_of(["gpu0"]), "gpu0");
        assert_eq!(one_of(["gpu0", "gpu1"]), "one of gpu0, gpu1");
    }
}
