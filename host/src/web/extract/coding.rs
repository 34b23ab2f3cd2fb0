//! How a body may come: as it is. What is packed would have to be unpacked, with a limit of its own for what comes out of it,
//! and to keep it as it came would only fail later, at the backend.

use warp::http::HeaderMap;
use warp::http::header::{CONTENT_ENCODING, HeaderName, TRANSFER_ENCODING};

use crate::web::Problem;

/// Lets a request through whose body can be read as it comes.
pub(in crate::web) fn check(headers: &HeaderMap) -> Result<(), Problem> {
    // Of a body that is packed and then cut into chunks, the chunks are undone below this, and nothing else.
    if let Some(coding) = said(headers, TRANSFER_ENCODING).filter(|coding| !coding.eq_ignore_ascii_case("chunked")) {
        return Err(Problem::wrong_transfer(&coding));
    }
    match said(headers, CONTENT_ENCODING) {
        Some(coding) if !coding.eq_ignore_ascii_case("identity") => Err(Problem::wrong_encoding(&coding)),
        _ => Ok(()),
    }
}

/// All that the headers of this name say, as one.
fn said(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    let values: Vec<_> = headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
    let said = values.join(", ").trim().to_owned();
    Some(said).filter(|said| !said.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(pairs: &[(HeaderName, &str)]) -> Option<u16> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(name, value.parse().unwrap());
        }
        check(&headers).err().map(|problem| problem.into_response().status().as_u16())
    }

    #[test]
    fn a_body_comes_as_it_is() {
        for fine in
            [&[][..], &[(TRANSFER_ENCODING, "Chunked")], &[(CONTENT_ENCODING, "identity")], &[(CONTENT_ENCODING, "")]]
        {
            assert_eq!(status(fine), None, "{fine:?}");
        }
        for coding in ["gzip", "gzip, chunked", "chunked, chunked", "identity"] {
            assert_eq!(status(&[(TRANSFER_ENCODING, coding)]), Some(501), "{coding}");
        }
        assert_eq!(status(&[(TRANSFER_ENCODING, "gzip"), (TRANSFER_ENCODING, "chunked")]), Some(501));
        for coding in ["gzip", "br", "identity, gzip", "x"] {
            assert_eq!(status(&[(CONTENT_ENCODING, coding)]), Some(415), "{coding}");
        }
    }
}
