//! Names that are written as a list, or as one name alone.

use std::fmt::{self, Formatter};
use std::marker::PhantomData;

use serde::de::{Deserializer, Error, SeqAccess, Visitor};

/// Reads a list of names. A name alone is a list of one.
pub fn one_or_more<'de, D: Deserializer<'de>, L: FromIterator<String>>(from: D) -> Result<L, D::Error> {
    struct Names<L>(PhantomData<L>);
    impl<'de, L: FromIterator<String>> Visitor<'de> for Names<L> {
        type Value = L;

        fn expecting(&self, f: &mut Formatter<'_>) -> fmt::Result {
            f.write_str("a name, or a list of names such as [\"gpu0\", \"gpu1\"]")
        }

        fn visit_str<E: Error>(self, name: &str) -> Result<L, E> {
            Ok(std::iter::once(name.to_owned()).collect())
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut names: A) -> Result<L, A::Error> {
            std::iter::from_fn(|| names.next_element().transpose()).collect()
        }
    }
    from.deserialize_any(Names(PhantomData))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<String>, String> {
        one_or_more(&mut serde_json::Deserializer::from_str(text)).map_err(|error| error.to_string())
    }

    #[test]
    fn a_name_alone_is_a_list_of_one_and_what_is_no_name_is_told_what_it_must_be() {
        assert_eq!(read("\"gpu0\"").unwrap(), ["gpu0"]);
        assert_eq!(read("[\"gpu1\", \"gpu0\"]").unwrap(), ["gpu1", "gpu0"]);
        assert_eq!(read("[]").unwrap(), [""; 0]);
        assert!(read("7").unwrap_err().contains("a name, or a list of names"));
        read("[7]").unwrap_err();
    }
}
