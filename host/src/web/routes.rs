//! The table of what there is: path, method, handler, and what the handler asks for besides the host, who asks, and the path's
//! variables.
//!
//! What is not in the table is 404. A path of the table with a method that is not is 405. What the contract has and we
//! have not built is in it all the same, so that it is refused by name.

use std::convert::Infallible;
use std::sync::Arc;

use easel_core::Actor;
use warp::filters::BoxedFilter;
use warp::http::Method;
use warp::reply::Response;
use warp::{Filter, Rejection, path};

use super::answer::refusals::{self, WrongMethod};
use super::caller::caller;
use super::connection::Connection;
use super::extract::body::{self, Room};
use super::extract::path::{Id, Segment};
use super::extract::query::query;
use super::faces::{Audience, openai};
use super::v1::jobs::{self, list, submit};
use super::v1::{artifacts, backends, batches, conversations, events, health, messages, queue, uploads};
use super::ws::{self, upgrade};
use super::{Answer, Host, Problem, lease, page};
use crate::backends::Probes;

/// The table as a filter: it answers every request.
pub(super) type Routes = BoxedFilter<(Response,)>;

macro_rules! table {
    ($host:ident: $( $path:expr => { $( $method:ident $handler:expr $(, $with:expr)* ; )+ } )+) => {{
        let mut routes: Vec<Routes> = Vec::new();
        let host = { let host = $host.clone(); warp::any().map(move || host.clone()) };
        $(
            let allow: &[&str] = &[$( stringify!($method) ),+];
            $(
                let route = host.clone().and(caller()).and($path).and(method(Method::$method, allow)) $( .and($with) )*;
                routes.push(route.then($handler).map(answer).boxed());
            )+
        )+
        first_of(routes)
    }};
}

/// The first of these routes that takes a request, as a balanced tree: a chain would make, for each request, all the futures
/// of the whole table, and throw them away.
fn first_of(mut routes: Vec<Routes>) -> Routes {
    match routes.len() {
        0 => warp::any().and_then(async || Err(warp::reject())).boxed(),
        1 => routes.swap_remove(0),
        many => {
            let rest = first_of(routes.split_off(many / 2));
            first_of(routes).or(rest).unify().boxed()
        }
    }
}

/// The one adapter between handlers and warp.
fn answer(answer: Answer) -> Response {
    answer.unwrap_or_else(Problem::into_response)
}

/// Everything that there is.
pub(super) fn routes(host: &Arc<Host>) -> Routes {
    let probes = Probes::default();
    let (probes_of_models, probes) = (with(probes.clone()), with(probes));
    let crowds = with(Arc::<ws::Crowds>::default());
    let audience = with(Audience::new(host.scheduler.clone(), &[openai::FACE]));
    let line = || warp::ext::get::<Connection>().map(|connection: Connection| connection.line);
    let headers = warp::header::headers_cloned;
    let room = Room::default();
    let (json, json_or_nothing) = (|| body::json(host, &room), || body::json_or_nothing(host, &room));
    let table = table! { host:
        path!("v1" / "jobs") => {
            GET list::list, query();
            POST submit::submit, headers(), json();
        }
        path!("v1" / "jobs" / Id) => {
            GET jobs::show;
            DELETE jobs::delete;
            PATCH jobs::patch, json();
        }
        path!("v1" / "jobs" / Id / "cancel") => { POST jobs::cancel; }
        path!("v1" / "jobs" / Id / "retry") => { POST jobs::retry; }
        path!("v1" / "jobs" / Id / "move") => { POST jobs::move_to, json(); }
        path!("v1" / "jobs" / Id / "log") => { GET jobs::log; }
        path!("v1" / "jobs" / Id / "preview") => { GET artifacts::preview; }
        path!("v1" / "jobs" / Id / "artifacts" / Segment) => { GET artifacts::artifact, headers(); }
        path!("v1" / "jobs" / "cancel") => { POST jobs::cancel_by_filter, json(); }

        path!("v1" / "uploads") => { POST uploads::create, headers(), warp::body::stream(); }

        path!("v1" / "messages") => { POST messages::create, json(); }
        path!("v1" / "messages" / Id) => {
            GET messages::show;
            PATCH messages::patch, json();
            DELETE messages::delete;
        }
        path!("v1" / "conversations") => { GET conversations::list, query(); }
        path!("v1" / "conversations" / Segment / "messages") => { GET messages::conversation, query(); }

        path!("v1" / "ws") => { GET upgrade::upgrade, query(), headers(), warp::ext::get(), warp::ext::get(), crowds; }
        path!("v1" / "events") => { GET events::list, query(); }

        path!("v1" / "queue") => { GET queue::queue; }
        path!("v1" / "queue" / "pause") => { POST queue::pause, json_or_nothing(); }
        path!("v1" / "queue" / "resume") => { POST queue::resume; }
        path!("v1" / "devices") => { GET queue::devices; }
        path!("v1" / "devices" / Segment / "pause") => { POST queue::pause_device, json_or_nothing(); }
        path!("v1" / "devices" / Segment / "resume") => { POST queue::resume_device; }
        path!("v1" / "devices" / Segment / "unload") => { POST queue::unload; }
        path!("v1" / "devices" / Segment / "lease") => {
            GET lease::lease, query(), headers(), warp::ext::get(), warp::ext::get();
        }

        path!("v1" / "backends") => { GET backends::list, probes.clone(); }
        path!("v1" / "backends" / Segment) => {
            GET backends::show, probes;
            PUT |_: Arc<Host>, _: Actor, _: Segment| not_yet("adding a backend to a running host");
            PATCH |_: Arc<Host>, _: Actor, _: Segment| not_yet("changing a backend of a running host");
            DELETE |_: Arc<Host>, _: Actor, _: Segment| not_yet("removing a backend of a running host");
        }
        path!("v1" / "backends" / Segment / "use") => {
            POST |_: Arc<Host>, _: Actor, _: Segment| not_yet("changing a backend of a running host");
        }

        path!("v1" / "batches") => { POST batches::submit, headers(), body::json_batch(&room); }
        path!("v1" / "batches" / Id) => { GET batches::show; }
        path!("v1" / "batches" / Id / "cancel") => { POST batches::cancel; }
        path!("openai" / "v1" / "images" / "generations") => {
            POST openai::generate, audience, line(), headers(), json();
        }
        path!("openai" / "v1" / "models") => { GET openai::models, probes_of_models; }
        path!("sdapi" / ..) => {
            // Front ends that look whether there is one are to find none.
            GET async |_: Arc<Host>, _: Actor| Err(Problem::not_found("the API of other front ends (/sdapi) is not supported yet"));
            POST |_: Arc<Host>, _: Actor| not_yet("the API of other front ends (/sdapi)");
        }

        warp::path::end() => { GET page::index, headers(); }
        path!("client.js") => { GET page::client, headers(); }
        path!("ui" / Segment / ..).and(warp::path::tail()) => { GET page::asset; }
        path!("metrics") => { GET async |_: Arc<Host>, _: Actor| Err(Problem::not_found("/metrics is not supported yet")); }
        path!("openapi.json") => {
            GET async |_: Arc<Host>, _: Actor| Err(Problem::not_found("/openapi.json is not supported yet"));
        }
        path!("healthz") => { GET health::alive; }
        path!("readyz") => { GET health::ready; }
    };
    table.recover(refusals::recover).unify().boxed()
}

fn with<T: Clone + Send + Sync + 'static>(value: T) -> impl Filter<Extract = (T,), Error = Infallible> + Clone {
    warp::any().map(move || value.clone())
}

/// Passes requests of this method. Whatever can be read can be asked about: hyper leaves the body of a HEAD away.
fn method(
    expected: Method,
    allow: &'static [&'static str],
) -> impl Filter<Extract = (), Error = Rejection> + Clone + Send + Sync + 'static {
    warp::method()
        .and_then(move |method: Method| {
            let fits = method == expected || (method == Method::HEAD && expected == Method::GET);
            std::future::ready(if fits { Ok(()) } else { Err(warp::reject::custom(WrongMethod(allow))) })
        })
        .untuple_one()
}

async fn not_yet(what: &'static str) -> Answer {
    Err(Problem::not_supported_yet(what))
}
