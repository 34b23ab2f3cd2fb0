//! The part of an id by which people are told of a job.

use uuid::Uuid;

/// How many characters tell jobs apart.
const SHORT: usize = 8;

/// The part of an id that tells jobs apart.
pub(in crate::cli) fn short(id: Uuid) -> String {
    id.to_string().split_off(36 - SHORT)
}

/// A text of the host's, in which each job is named by its short id, as it is everywhere else that people read.
pub(in crate::cli) fn shortened(text: &str) -> String {
    let (mut told, mut rest) = (String::with_capacity(text.len()), text);
    while let Some((before, after)) = rest.split_once("job ") {
        told += before;
        told += "job ";
        let after = match after.strip_prefix("with id ") {
            Some(after) => {
                told += "with id ";
                after
            }
            None => after,
        };
        rest = match after.split_at_checked(36).map(|(id, rest)| (Uuid::try_parse(id), rest)) {
            Some((Ok(id), rest)) => {
                told += &short(id);
                rest
            }
            _ => after,
        };
    }
    told + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_the_hosts_names_jobs_by_their_short_ids_and_nothing_else() {
        let id = "0199aaaa-bbbb-7ccc-8ddd-eeee12345678";
        assert_eq!(shortened(&format!("job {id} has not ended, job {id}")), "job 12345678 has not ended, job 12345678");
        assert_eq!(shortened(&format!("no job with id {id}")), "no job with id 12345678");
        for text in
            [&format!("message {id}"), "job 7", "the job", "a job of somebody else's, which has been there for long"]
        {
            assert_eq!(shortened(text), *text);
        }
    }

    #[test]
    fn the_end_of_an_id_stands_for_it() {
        assert_eq!(short(Uuid::from_u128(0x0199_aaaa_bbbb_7ccc_8ddd_eeee_1234_5678)), "12345678");
    }
}
