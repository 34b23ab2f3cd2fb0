//! Who asks: found out here, once, for every route. What they may do is decided in the core.

use std::convert::Infallible;

use easel_core::Actor;
use warp::Filter;

/// Until there are tokens, whoever reaches the host is its operator.
pub(super) fn caller() -> impl Filter<Extract = (Actor,), Error = Infallible> + Clone {
    warp::any().map(Actor::local)
}
