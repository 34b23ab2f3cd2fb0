//! What a request may name as its model: the backends, and of those that let one choose, their engines' models.

use std::sync::Arc;

use easel_core::Actor;
use easel_wire::openai::{Model, Models};
use serde_json::Value;

use crate::backends::{Probes, Standing};
use crate::web::answer::reply;
use crate::web::faces::fields::Fields;
use crate::web::{Answer, Host};

pub(in crate::web) async fn models(host: Arc<Host>, _: Actor, probes: Probes) -> Answer {
    let mut names = Vec::new();
    for entry in host.registry.entries() {
        let name = entry.name.to_owned();
        let chooses = match &entry.standing {
            Standing::Ready(placed) => Fields::of(&placed.anywhere().description.params_schema).tell_model(""),
            Standing::Loading | Standing::Broken(_) => false,
        };
        let catalog = if chooses { probes.of(entry.standing).await.catalog } else { None };
        let listed = catalog.as_ref().and_then(|catalog| catalog.get("models")).and_then(Value::as_array);
        names.push(name.clone());
        names.extend(listed.into_iter().flatten().filter_map(title).map(|model| format!("{name}/{model}")));
    }
    let model = |id| Model { id, object: "model".to_owned(), created: 0, owned_by: "easel".to_owned() };
    Ok(reply::json(&Models { object: "list".to_owned(), data: names.into_iter().map(model).collect() }))
}

/// The name of a model of a catalogue, which is a text or has one.
fn title(model: &Value) -> Option<&str> {
    model.as_str().or_else(|| model.get("title").or_else(|| model.get("name"))?.as_str())
}
