//! The page that people see at `/`, and `/client.js`, by which any page talks to a host. Both are plain clients of the API.
//!
//! The files of `host/ui` are part of the binary; a debug build reads them from there, so that a change is a reload away. Their
//! address has a hash of all of them in it and is good for ever; what stands at an address of its own (`/`, `/client.js`) is asked
//! about by its ETag. So modules import each other by plain relative names, and no two versions ever meet in one page.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use easel_core::Actor;
use headers::{ETag, HeaderMapExt as _, IfNoneMatch};
use sha2::{Digest as _, Sha256};
use warp::Reply as _;
use warp::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue, REFERRER_POLICY,
};
use warp::http::{HeaderMap, StatusCode};
use warp::path::Tail;
use warp::reply::Response;

use super::extract::path::Segment;
use super::{Answer, Host, Problem};

macro_rules! embedded {
    ($($name:literal)+) => {
        &[$(($name, include_bytes!(concat!("../../ui/", $name)))),+]
    };
}

/// Every file of the page: those that a release has. The test below holds it against the folder.
const FILES: &[(&str, &[u8])] = embedded! {
    "backends.js"
    "client.js"
    "conversations.js"
    "create.js"
    "dom.js"
    "draft.js"
    "gallery.js"
    "icon.svg"
    "index.html"
    "job.js"
    "line.js"
    "log.js"
    "notices.js"
    "page.css"
    "page.js"
    "parts.js"
    "queue.js"
    "router.js"
    "settings.js"
    "state.js"
    "submissions.js"
    "telling.js"
    "theme.js"
    "theming.js"
    "timeline.js"
    "tokens.css"
    "views.css"
    "words.js"
};

/// Where a debug build reads them.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/ui");

/// Nothing from elsewhere, and no script or style that stands in the document. Pictures may be those of a form, before they are sent.
const POLICY: &str = "default-src 'self'; img-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";
const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const ASKED_ABOUT: HeaderValue = HeaderValue::from_static("no-cache");
/// What `index.html` has where its files are named.
const PLACE: &str = "{{ui}}";
/// What it has where the modules are named that it needs, all at once.
const MODULES: &str = "<!-- modules -->";

/// `GET /`.
pub(super) async fn index(_: Arc<Host>, _: Actor, headers: HeaderMap) -> Answer {
    let file = found("index.html")?;
    let version = version()?;
    let mut modules = String::new();
    for name in names().iter().filter(|name| name.ends_with(".js")) {
        // A String takes whatever it is given.
        writeln!(modules, "<link rel=\"modulepreload\" href=\"ui/{version}/{name}\" />")
            .map_err(|error| Problem::internal(error.to_string()))?;
    }
    let text = String::from_utf8_lossy(&file).replace(PLACE, &format!("ui/{version}")).replace(MODULES, &modules);
    let mut response = revalidated(&headers, &version, "text/html; charset=utf-8", text.into_bytes().into())?;
    let policy = response.headers_mut();
    policy.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    policy.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    policy.insert(HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin"));
    Ok(response)
}

/// `GET /client.js`: at an address that stays, for pages of others.
pub(super) async fn client(_: Arc<Host>, _: Actor, headers: HeaderMap) -> Answer {
    let file = found("client.js")?;
    revalidated(&headers, &hex(&Sha256::digest(&file)), mime("client.js"), file)
}

/// `GET /ui/VERSION/…`.
pub(super) async fn asset(_: Arc<Host>, _: Actor, wanted: Segment, name: Tail) -> Answer {
    if wanted.0 != version()? {
        return Err(Problem::not_found("these are the files of another version of the page: reload it"));
    }
    let file = found(name.as_str())?;
    let mut response = Response::new(bytes(lean(name.as_str(), file)).into());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(mime(name.as_str())));
    response.headers_mut().insert(CACHE_CONTROL, FOR_EVER);
    Ok(response)
}

/// The names of all files, in order.
fn names() -> Vec<String> {
    let mut names = match edited() {
        Some(folder) => folder.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect(),
        None => FILES.iter().map(|(name, _)| (*name).to_owned()).collect::<Vec<_>>(),
    };
    names.retain(|name| !name.ends_with(".d.ts"));
    names.sort_unstable();
    names
}

fn edited() -> Option<std::fs::ReadDir> {
    if cfg!(debug_assertions) { std::fs::read_dir(FOLDER).ok() } else { None }
}

fn found(name: &str) -> Result<Cow<'static, [u8]>, Problem> {
    let unknown = || Problem::not_found("the page has no such file");
    if edited().is_some() {
        let known = names().iter().any(|known| known == name);
        let text = if known { std::fs::read(format!("{FOLDER}/{name}")).ok() } else { None };
        return text.map(Cow::Owned).ok_or_else(unknown);
    }
    FILES.iter().find(|(known, _)| *known == name).map(|(_, text)| Cow::Borrowed(*text)).ok_or_else(unknown)
}

/// What is the same as long as all files are.
fn version() -> Result<String, Problem> {
    let mut hash = Sha256::new();
    for name in names() {
        hash.update(name.as_bytes());
        hash.update(found(&name)?);
    }
    Ok(hex(&hash.finalize()))
}

/// A script or a style without what only those need who read its source: indentation, comments with lines of their own, types, and
/// the ends of lines and the commas where nothing can follow. No text in them goes over several lines, or looks like a comment.
fn lean(name: &str, file: Cow<'static, [u8]>) -> Cow<'static, [u8]> {
    if !name.ends_with(".js") && !name.ends_with(".css") {
        return file;
    }
    let style = name.ends_with(".css");
    let (mut comment, mut remark) = (false, false);
    let mut left = String::with_capacity(file.len());
    for line in String::from_utf8_lossy(&file).lines().map(str::trim) {
        let begins = !comment && line.starts_with("/*") && (!line.contains("*/") || line.ends_with("*/"));
        if comment || begins {
            comment = !line.ends_with("*/");
        } else if !line.is_empty() && !line.starts_with("//") {
            if line.starts_with([')', ']']) && left.ends_with('\n') && !remark {
                left.pop();
            }
            if line.starts_with([')', ']', '}']) && left.ends_with(',') {
                left.pop();
            }
            // What comes after it would be a part of it.
            remark = line.contains("// ");
            if style {
                left.push_str(&line.replace(": ", ":").replace(" {", "{"));
            } else {
                push_without_types(&mut left, line);
            }
            let goes_on = line.ends_with([',', ';', '(', '{', '[']) || (style && line == "}");
            if remark || !goes_on {
                left.push('\n');
            }
        }
    }
    Cow::Owned(left.into_bytes())
}

fn push_without_types(left: &mut String, line: &str) {
    let mut rest = line;
    while let Some((before, (_, after))) =
        rest.split_once("/**").and_then(|(before, rest)| Some((before, rest.split_once("*/")?)))
    {
        left.push_str(before);
        rest = after.trim_start();
    }
    left.push_str(rest);
}

fn bytes(file: Cow<'static, [u8]>) -> Bytes {
    match file {
        Cow::Borrowed(embedded) => Bytes::from_static(embedded),
        Cow::Owned(edited) => edited.into(),
    }
}

/// Enough of a hash that no two are the same.
fn hex(hash: &[u8]) -> String {
    hash.iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

fn mime(name: &str) -> &'static str {
    match name.rsplit_once('.') {
        Some((_, "js")) => "text/javascript; charset=utf-8",
        Some((_, "css")) => "text/css; charset=utf-8",
        Some((_, "svg")) => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

/// What may be kept, but has to be asked about.
fn revalidated(headers: &HeaderMap, version: &str, mime: &'static str, text: Cow<'static, [u8]>) -> Answer {
    let etag: ETag = format!("\"{version}\"").parse().map_err(|_| Problem::internal("a hash is no ETag"))?;
    let known = headers.typed_get::<IfNoneMatch>().is_some_and(|known| !known.precondition_passes(&etag));
    let mut response = if known { StatusCode::NOT_MODIFIED.into_response() } else { Response::new(bytes(text).into()) };
    response.headers_mut().typed_insert(etag);
    response.headers_mut().insert(CACHE_CONTROL, ASKED_ABOUT);
    if !known {
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(mime));
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_has_every_file_of_the_folder() {
        let embedded: Vec<&str> = FILES.iter().map(|(name, _)| *name).collect();
        assert_eq!(embedded, names(), "the list in this file is to have what is in host/ui, in order");
    }

    #[test]
    fn what_only_readers_of_the_source_need_stays_at_home() {
        let script = "// why\n/** @type {x} */\nconst a = 1; // kept;\n/**\n * long\n */\n\tif (a)\n\n\t\t/** @type {any} */ (b)(\n\t1,\n)\n";
        let left = lean("a.js", Cow::Borrowed(script.as_bytes()));
        assert_eq!(String::from_utf8_lossy(&left), "const a = 1; // kept;\nif (a)\n(b)(1)\n");
    }

    #[test]
    fn the_whole_page_has_less_than_150_kib() {
        let size: usize = FILES.iter().map(|(name, text)| lean(name, Cow::Borrowed(text)).len()).sum();
        assert!(size < 150 * 1024, "{size} bytes");
    }
}
