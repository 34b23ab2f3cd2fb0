//! What stands behind the `?`: pairs of which each must be known, since a misspelt filter that is ignored shows everything.

use warp::{Filter, Rejection};

use crate::choice::one_of;
use crate::web::Problem;

/// The pairs of a query, decoded.
#[derive(Debug, Default)]
pub(in crate::web) struct Query(Vec<(String, String)>);

/// Reads the query of a request.
pub(in crate::web) fn query() -> impl Filter<Extract = (Query,), Error = Rejection> + Clone {
    warp::query::<Vec<(String, String)>>().map(Query)
}

impl Query {
    /// The pairs as they came.
    pub(in crate::web) fn pairs(&self) -> &[(String, String)] {
        &self.0
    }

    /// Refuses names that are not in `known`, and text that no stored value can match.
    pub(in crate::web) fn only(&self, known: &[&str]) -> Result<(), Problem> {
        for (name, value) in &self.0 {
            if !known.contains(&name.as_str()) {
                let rule = match known {
                    [] => "this path takes no query parameters".to_owned(),
                    known => format!("use {}", one_of(known)),
                };
                return Err(Problem::invalid(name, format!("unknown parameter {name:?}; {rule}")));
            }
            if value.contains('\0') {
                return Err(Problem::invalid(name, format!("{name} has a NUL character, which nothing here can have")));
            }
        }
        Ok(())
    }

    /// All values of a name that may repeat.
    pub(in crate::web) fn all(&self, name: &str) -> Vec<String> {
        self.0.iter().filter(|(key, _)| key == name).map(|(_, value)| value.clone()).collect()
    }

    /// The value of a name that may not.
    pub(in crate::web) fn one(&self, name: &str) -> Result<Option<&str>, Problem> {
        let mut values = self.0.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str());
        match (values.next(), values.next()) {
            (Some(_), Some(_)) => Err(Problem::invalid(name, format!("{name} is given twice"))),
            (value, _) => Ok(value),
        }
    }

    /// `limit`: how many at the most.
    pub(in crate::web) fn limit(&self, usual: usize, most: usize) -> Result<usize, Problem> {
        let Some(text) = self.one("limit")? else { return Ok(usual) };
        match text.parse() {
            Ok(limit) if (1..=most).contains(&limit) => Ok(limit),
            _ => {
                Err(Problem::invalid("limit", format!("limit is {text:?} and must be a whole number from 1 to {most}")))
            }
        }
    }

    /// `cursor`: where the page before this one ended. Opaque to clients; to us, a ticket.
    pub(in crate::web) fn cursor(&self) -> Result<Option<u64>, Problem> {
        let Some(text) = self.one("cursor")? else { return Ok(None) };
        // The store's integers are signed.
        match text.parse::<i64>().ok().and_then(|ticket| u64::try_from(ticket).ok()) {
            Some(ticket) => Ok(Some(ticket)),
            None => {
                Err(Problem::invalid("cursor", format!("cursor is {text:?} and must be the `next` of the page before")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(pairs: &[(&str, &str)]) -> Query {
        Query(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn a_limit_is_a_number_within_bounds() {
        assert_eq!(query(&[]).limit(50, 200).unwrap(), 50);
        assert_eq!(query(&[("limit", "200")]).limit(50, 200).unwrap(), 200);
        for wrong in ["0", "-1", "201", "many", "", "99999999999999999999"] {
            query(&[("limit", wrong)]).limit(50, 200).unwrap_err();
        }
    }

    #[test]
    fn a_cursor_is_one_that_the_store_can_compare_with() {
        assert_eq!(query(&[("cursor", "7")]).cursor().unwrap(), Some(7));
        for wrong in ["junk", "-1", "18446744073709551615", ""] {
            query(&[("cursor", wrong)]).cursor().unwrap_err();
        }
    }

    #[test]
    fn what_is_unknown_or_there_twice_is_refused() {
        query(&[("colour", "red")]).only(&["status"]).unwrap_err();
        query(&[("status", "\0")]).only(&["status"]).unwrap_err();
        query(&[("limit", "1"), ("limit", "2")]).limit(1, 9).unwrap_err();
        assert_eq!(query(&[("status", "a"), ("status", "b")]).all("status"), ["a", "b"]);
    }
}
