//! How much of a list is shown.

/// The flags of every list that is read page by page.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Paging {
    /// How many at most
    #[arg(long, value_name = "N", default_value_t = 50, conflicts_with = "all", value_parser = limit)]
    limit: usize,
    /// All of them
    #[arg(long)]
    all: bool,
    /// Whole ids, all columns, and lines of any length
    #[arg(long)]
    pub wide: bool,
}

/// The most that a list is asked for by number.
const MOST: usize = 1_000_000;

fn limit(text: &str) -> Result<usize, String> {
    let limit = text.parse().ok().filter(|limit| (1..=MOST).contains(limit));
    limit.ok_or_else(|| format!("must be from 1 to {MOST}; --all shows all of them"))
}

impl Paging {
    /// How many are asked for. None: all.
    pub fn wanted(&self) -> Option<usize> {
        if self.all { None } else { Some(self.limit) }
    }

    /// What is said below a list that has as many as were asked for, when there are more.
    pub fn more(&self) -> String {
        format!("there are more: --limit {} or --all shows them", self.limit.saturating_mul(10).min(MOST))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_nothing_is_not_asked_for() {
        assert_eq!((limit("1"), limit("1000000")), (Ok(1), Ok(MOST)));
        for text in ["0", "1000001", "-1", "", "many"] {
            assert_eq!(limit(text), Err("must be from 1 to 1000000; --all shows all of them".to_owned()), "{text}");
        }
    }
}
