//! Which component runs the jobs of which backend on which devices, and which of these are one pool. Who changes that in the configuration says so to nobody: the log learns of
//! it at the next start.

use std::collections::BTreeSet;

use crate::draft::{Change, Draft};
use crate::event::{Body, CONFIGURATION};
use crate::ids::Timestamp;

/// Tells what is new since the last start. The first start of all has nothing to compare with.
pub(super) fn compare(draft: &mut Draft, now: Timestamp) {
    if let Some(pools) = draft.state.rearranged() {
        draft.changes.push(Change::Pools(pools));
    }
    let configured = draft.state.configured();
    let known = draft.state.known_bindings().cloned();
    if known.as_ref() == Some(&configured) {
        return;
    }
    draft.bind(configured.clone());
    let Some(known) = known else { return };
    let by = draft.by.replace(CONFIGURATION.to_owned());
    let names: BTreeSet<&String> = known.keys().chain(configured.keys()).collect();
    for name in names {
        let (runs, ran) = (configured.get(name).cloned(), known.get(name).cloned());
        if runs != ran {
            draft.say(Body::Binding { backend: name.clone(), runs, ran }, now);
        }
    }
    draft.by = by;
}
