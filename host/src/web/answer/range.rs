//! Which part of a file a request wants (RFC 9110, section 14).

use std::ops::RangeInclusive;

use headers::{ETag, HeaderMapExt as _, IfRange};
use http_range_header::{RangeUnsatisfiableError, parse_range_header};
use warp::http::HeaderMap;
use warp::http::header::RANGE;

use crate::web::Problem;

/// The part that is wanted of `size` bytes; none is the whole. Whatever a server may ignore is ignored: what cannot be
/// read, what is not in bytes, several parts at once, and a part of what the file was before.
pub(in crate::web) fn wanted(
    headers: &HeaderMap,
    etag: &ETag,
    size: u64,
) -> Result<Option<RangeInclusive<u64>>, Problem> {
    let Some(text) = headers.get(RANGE).and_then(|range| range.to_str().ok()) else { return Ok(None) };
    let unchanged = headers.typed_get::<IfRange>().is_none_or(|known| !known.is_modified(Some(etag), None));
    let Some(ranges) = parse_range_header(text).ok().filter(|_| unchanged) else { return Ok(None) };
    match ranges.validate(size) {
        Ok(ranges) => Ok(match ranges.as_slice() {
            [range] => Some(range.clone()),
            _ => None,
        }),
        Err(RangeUnsatisfiableError::Unsatisfiable) => Err(Problem::no_such_range(size)),
        Err(_) => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use warp::http::header::{HeaderName, IF_RANGE};

    use super::*;

    fn of_26(pairs: &[(HeaderName, &str)]) -> Result<Option<RangeInclusive<u64>>, u16> {
        let headers = pairs.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect();
        wanted(&headers, &"\"abc\"".parse().unwrap(), 26).map_err(|problem| problem.into_response().status().as_u16())
    }

    #[test]
    fn one_part_is_given_as_far_as_it_is_there() {
        for (range, part) in [
            ("bytes=2-5", 2..=5),
            ("bytes=24-", 24..=25),
            ("bytes=-3", 23..=25),
            ("bytes=-99", 0..=25),
            ("bytes=20-999", 20..=25),
        ] {
            assert_eq!(of_26(&[(RANGE, range)]), Ok(Some(part)), "{range}");
        }
    }

    #[test]
    fn a_part_that_is_not_there_is_refused() {
        for range in ["bytes=26-", "bytes=99-100", "bytes=-0"] {
            assert_eq!(of_26(&[(RANGE, range)]), Err(416), "{range}");
        }
        let nothing =
            wanted(&[(RANGE, "bytes=0-".parse().unwrap())].into_iter().collect(), &"\"a\"".parse().unwrap(), 0);
        nothing.unwrap_err();
    }

    #[test]
    fn what_may_be_ignored_is_ignored() {
        for range in ["", "bytes", "bytes=", "bytes=a-b", "bytes=5-2", "lines=1-2", "bytes=0-1,4-5"] {
            assert_eq!(of_26(&[(RANGE, range)]), Ok(None), "{range}");
        }
        assert_eq!(of_26(&[]), Ok(None));
    }

    #[test]
    fn a_part_is_only_given_of_the_file_that_the_client_knows() {
        assert_eq!(of_26(&[(RANGE, "bytes=2-5"), (IF_RANGE, "\"abc\"")]), Ok(Some(2..=5)));
        assert_eq!(of_26(&[(RANGE, "bytes=2-5"), (IF_RANGE, "\"other\"")]), Ok(None));
    }
}
