//! From a request to the job that it asks for.

use easel_core::command::NewJob;
use easel_core::{Actor, Party};
use easel_wire::openai::ImageRequest;
use serde_json::{Map, Value};

use super::FACE;
use crate::backends::{Entry, Standing};
use crate::choice::one_of;
use crate::web::extract::body::{Document, read_value};
use crate::web::faces::audience;
use crate::web::faces::fields::Fields;
use crate::web::v1::jobs::envelope::{self, Wish};
use crate::web::{Host, Problem};

/// The most pictures of one request, as OpenAI has it.
const MOST: u32 = 10;
/// How OpenAI's own models begin: clients name one if nobody tells them otherwise.
const OPENAI: [&str; 3] = ["dall-e", "gpt-image", "chatgpt-image"];
/// Fields that are OpenAI's, and say nothing to a backend.
const OWN: [&str; 14] = [
    "prompt",
    "model",
    "n",
    "size",
    "response_format",
    "user",
    "stream",
    "partial_images",
    "quality",
    "style",
    "background",
    "moderation",
    "output_format",
    "output_compression",
];
/// Other names for what backends have as `cfg_scale`.
const GUIDANCE: [&str; 2] = ["cfg_scale", "guidance_scale"];

/// The job that a request asks for. `user` is whom its headers name.
pub(super) fn job(
    host: &Host,
    actor: &Actor,
    request: &ImageRequest,
    document: &Document,
    user: Option<String>,
) -> Result<NewJob, Problem> {
    let (entry, model) = named(host, request.model.as_deref())?;
    let name = entry.name.to_owned();
    let Standing::Ready(placed) = &entry.standing else {
        return Err(Problem::not_ready(format!("backend {name} is not loaded yet: try again in a moment")));
    };
    let params = params(&placed.anywhere().description.params_schema, &name, request, model, document.value())?;
    let mut sent: Map<String, Value> =
        Map::from_iter([("params".to_owned(), params.into()), ("backend".to_owned(), name.into())]);
    sent.extend(user.or(request.user.clone()).map(|user| ("user".to_owned(), user.into())));
    let sent = Value::Object(sent);
    let envelope = read_value(&sent).map_err(Problem::internal)?;
    let Wish { job, .. } = envelope::read(host, actor, envelope, &sent, &[])?;
    Ok(NewJob { metadata: audience::mark(FACE, &document.digest()), ..job })
}

/// For whom a request is.
pub(super) fn party(actor: &Actor, request: &ImageRequest, user: Option<&str>) -> Party {
    actor.party_for(user.map(str::to_owned).or_else(|| request.user.clone()))
}

/// The backend that a request names, and the model.
fn named<'a, 'b>(host: &'a Host, model: Option<&'b str>) -> Result<(Entry<'a>, Option<&'b str>), Problem> {
    let default =
        || host.registry.entry(&host.config.default_backend).ok_or_else(|| Problem::internal("no default backend"));
    let Some(name) = model.filter(|name| !name.is_empty() && !OPENAI.iter().any(|own| name.starts_with(own))) else {
        return Ok((default()?, None));
    };
    let (backend, model) = match name.split_once('/') {
        Some((backend, model)) => (backend, Some(model)),
        None => (name, None),
    };
    if let Some(entry) = host.registry.entry(backend) {
        return Ok((entry, model));
    }
    let known = one_of(host.registry.entries().map(|entry| entry.name));
    let detail = format!("unknown model {name:?}; use {known}, BACKEND/MODEL, or leave it out");
    Err(Problem::not_found(detail).in_field("model"))
}

fn params(
    schema: &Value,
    backend: &str,
    request: &ImageRequest,
    model: Option<&str>,
    sent: &Value,
) -> Result<Map<String, Value>, Problem> {
    let mut fields = Fields::of(schema);
    let lacks = |what: &str| format!("backend {backend} has no param for {what}");
    if !fields.tell(&["prompt"], request.prompt.as_str()) {
        return Err(Problem::invalid("model", lacks("a prompt")));
    }
    let count = request.n.unwrap_or(1);
    if !(1..=MOST).contains(&count) {
        return Err(Problem::invalid("n", format!("n is {count} and must be from 1 to {MOST}")));
    }
    if !fields.tell_count(count) {
        return Err(Problem::invalid("n", format!("{}: send n = 1", lacks("several pictures"))));
    }
    if let Some(model) = model
        && !fields.tell_model(model)
    {
        return Err(Problem::invalid("model", lacks("a model")));
    }
    if let Some((width, height)) = size(request.size.as_deref())? {
        fields.tell(&["width"], width);
        fields.tell(&["height"], height);
    }
    let others =
        sent.as_object().into_iter().flatten().filter(|(name, value)| !OWN.contains(&&***name) && !value.is_null());
    for (name, value) in others {
        let names: &[&str] = if GUIDANCE.contains(&&**name) { &GUIDANCE } else { &[name] };
        fields.tell(names, value.clone());
    }
    Ok(fields.into_params())
}

/// `WIDTHxHEIGHT`; nothing if that is left to the backend.
fn size(text: Option<&str>) -> Result<Option<(u32, u32)>, Problem> {
    let Some(text) = text.filter(|text| !text.is_empty() && *text != "auto") else { return Ok(None) };
    let sides =
        text.split_once(['x', 'X', '*']).and_then(|(width, height)| Some((width.parse().ok()?, height.parse().ok()?)));
    sides
        .map(Some)
        .ok_or_else(|| Problem::invalid("size", format!("size is {text:?} and must be like 1024x768, or auto")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn asked(sent: Value) -> Result<Value, Problem> {
        let schema = json!({"properties": {
            "prompt": {}, "width": {}, "height": {}, "seed": {}, "cfg_scale": {}, "batch_size": {}, "quality": {},
        }});
        let request: ImageRequest = serde_json::from_value(sent.clone()).unwrap();
        params(&schema, "forge", &request, None, &sent).map(Value::Object)
    }

    #[test]
    fn a_request_is_told_in_the_params_of_the_backend_and_the_rest_is_passed_over() {
        let sent = json!({
            "prompt": "a fox", "n": 2, "size": "640x480", "quality": "hd", "seed": 7, "guidance_scale": 3.5, "steps": 9,
            "negative_prompt": null, "auth": "secret",
        });
        let told =
            json!({"prompt": "a fox", "batch_size": 2, "width": 640, "height": 480, "seed": 7, "cfg_scale": 3.5});
        assert_eq!(asked(sent).unwrap(), told);
        assert_eq!(
            asked(json!({"prompt": "a fox", "size": "auto"})).unwrap(),
            json!({"prompt": "a fox", "batch_size": 1})
        );
    }

    #[test]
    fn what_no_picture_can_be_made_of_is_refused_by_its_field() {
        for (sent, field) in [
            (json!({"prompt": "", "n": 0}), "n"),
            (json!({"prompt": "", "n": 11}), "n"),
            (json!({"prompt": "", "size": "large"}), "size"),
            (json!({"prompt": "", "size": "1x"}), "size"),
        ] {
            let problem =
                asked(sent.clone()).unwrap_err().into_response_as(|problem| problem.field.unwrap_or_default());
            assert_eq!(problem.status(), 422, "{sent} {field}");
        }
    }
}
