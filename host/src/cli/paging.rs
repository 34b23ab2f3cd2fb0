//! How much of a list is shown.

/// The flags of every list that is read page by page.
#[derive(Debug, clap::Args)]
pub(super) struct Paging {
    /// How many at most
    #[arg(long, value_name = "N", default_value_t = 50, conflicts_with = "all")]
    limit: usize,
    /// All of them
    #[arg(long)]
    all: bool,
    /// Whole ids, all columns, and lines of any length
    #[arg(long)]
    pub wide: bool,
}

impl Paging {
    /// How many are asked for. None: all.
    pub fn wanted(&self) -> Option<usize> {
        if self.all { None } else { Some(self.limit) }
    }

    /// What is said below a list that has as many as were asked for, when there are more.
    pub fn more(&self) -> String {
        format!("there are more: --limit {} or --all shows them", self.limit.saturating_mul(10))
    }
}
