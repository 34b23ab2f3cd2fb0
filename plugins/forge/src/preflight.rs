//! The check of a job against what the engine has, before anything is sent.
//!
//! Forge does not complain about a name that it does not know: it quietly takes another sampler, scheduler, checkpoint or
//! module, and nobody finds out why the picture is not what was asked for. So whatever the engine lists is looked up
//! here, refused with the nearest names if it is not there, and sent under the name that the engine itself uses. What
//! the engine does not list is not checked.

use crate::catalog::{find, names};
use crate::params::Params;
use crate::problem::{Kind, Problem};
use serde_json::{Map, Value};

/// How many names are offered instead.
const OFFERS: usize = 3;

/// How alike two names have to be, from 0 to 1, for one to be offered for the other.
const ALIKE: f64 = 0.7;

/// The lists that a job's params have to be looked up in: their names and routes.
pub fn needed(params: &Params) -> Vec<(&'static str, &'static str)> {
    let mut lists = Vec::new();
    let mut need = |yes: bool, list| {
        if yes {
            lists.push(list);
        }
    };
    let hires = params.enable_hr && params.hr_upscaler.is_some();
    need(params.checkpoint.is_some(), ("models", "sd-models"));
    need(params.modules.as_ref().is_some_and(|modules| !modules.is_empty()), ("modules", "sd-modules"));
    need(params.sampler_name.is_some(), ("samplers", "samplers"));
    // A sampler's name may have a scheduler's behind it.
    need(params.sampler_name.is_some() || params.scheduler.is_some(), ("schedulers", "schedulers"));
    need(hires, ("upscalers", "upscalers"));
    need(hires, ("latent_upscalers", "latent-upscale-modes"));
    need(!params.styles.is_empty(), ("styles", "prompt-styles"));
    lists
}

/// Checks the params against the lists that the engine has, and puts the engine's own names in. The model that has to
/// have made the pictures in the end, if the job names one.
pub fn fit(params: &mut Params, lists: &Map<String, Value>) -> Result<Option<Value>, Problem> {
    let lists = Lists(lists);
    let mut model = None;
    if let Some(checkpoint) = &mut params.checkpoint {
        model = lists.put("checkpoint", "models", checkpoint)?;
    }
    for module in params.modules.iter_mut().flatten() {
        if lists.entries("modules").is_none() {
            let message = "modules: this engine has none: only Forge loads VAE and text encoders by name";
            return Err(Problem::new(Kind::Invalid, message));
        }
        lists.put("modules", "modules", module)?;
    }
    if let Some(scheduler) = &mut params.scheduler {
        lists.put("scheduler", "schedulers", scheduler)?;
    }
    if let Some(sampler) = &mut params.sampler_name {
        if let Some((first, second)) = lists.sampler_and_scheduler(sampler) {
            *sampler = first;
            params.scheduler = Some(second);
        }
        lists.put("sampler_name", "samplers", sampler)?;
    }
    if params.enable_hr
        && let Some(upscaler) = &mut params.hr_upscaler
        && !lists.has("latent_upscalers", upscaler)
    {
        lists.put("hr_upscaler", "upscalers", upscaler)?;
    }
    for style in &mut params.styles {
        lists.put("styles", "styles", style)?;
    }
    Ok(model)
}

/// The engine's lists.
struct Lists<'a>(&'a Map<String, Value>);

impl<'a> Lists<'a> {
    /// None: the engine does not say.
    fn entries(&self, list: &str) -> Option<&'a [Value]> {
        Some(self.0.get(list)?.as_array()?)
    }

    fn has(&self, list: &str, name: &str) -> bool {
        self.entries(list).is_some_and(|entries| find(list, entries, name).is_some())
    }

    /// Puts the engine's own name in the place of `name`; the entry.
    fn put(&self, field: &str, list: &str, name: &mut String) -> Result<Option<Value>, Problem> {
        let Some(entries) = self.entries(list) else { return Ok(None) };
        let Some(entry) = find(list, entries, name) else { return Err(unknown(field, list, entries, name)) };
        if let Some(own) = names(list, entry).into_iter().next() {
            *name = own;
        }
        Ok(Some(entry.clone()))
    }

    /// `DPM++ 2M Karras`, from before schedulers had names of their own: both, if that is what it is.
    fn sampler_and_scheduler(&self, name: &str) -> Option<(String, String)> {
        if self.has("samplers", name) {
            return None;
        }
        for entry in self.entries("schedulers")? {
            for scheduler in names("schedulers", entry) {
                let Some(at) = name.len().checked_sub(scheduler.len() + 1) else { continue };
                let (Some(first), Some(rest)) = (name.get(..at), name.get(at..)) else { continue };
                if rest.to_lowercase() == format!(" {}", scheduler.to_lowercase()) && self.has("samplers", first) {
                    return Some((first.to_owned(), names("schedulers", entry).into_iter().next()?));
                }
            }
        }
        None
    }
}

fn unknown(field: &str, list: &str, entries: &[Value], name: &str) -> Problem {
    let own: Vec<String> = entries.iter().filter_map(|entry| names(list, entry).into_iter().next()).collect();
    let near = near(entries.iter().map(|entry| names(list, entry)), name);
    let offer = match (own.as_slice(), near.as_slice()) {
        ([], _) => "it has none at all".to_owned(),
        (_, []) => format!("it has {}", quoted(&own)),
        _ => format!("did you mean {}?", quoted(&near)),
    };
    Problem::new(Kind::Invalid, format!("{field}: the engine has no \"{name}\"; {offer}"))
}

/// The names to send of the entries that go by one like `name`, the most alike first.
fn near(entries: impl Iterator<Item = Vec<String>>, name: &str) -> Vec<String> {
    let wanted = name.to_lowercase();
    let mut ranked: Vec<(f64, String)> = Vec::new();
    for names in entries {
        let alike = names.iter().map(|own| likeness(&own.to_lowercase(), &wanted)).fold(0.0, f64::max);
        if let Some(own) = names.into_iter().next()
            && alike >= ALIKE
        {
            ranked.push((alike, own));
        }
    }
    ranked.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    ranked.into_iter().take(OFFERS).map(|(_, own)| own).collect()
}

/// How alike two names are. Part of a name is as good as a misspelt one.
fn likeness(own: &str, wanted: &str) -> f64 {
    let alike = strsim::jaro_winkler(own, wanted);
    if own.contains(wanted) { alike.max(0.9) } else { alike }
}

fn quoted(names: &[String]) -> String {
    const ENOUGH: usize = 8;
    let shown: Vec<_> = names.iter().take(ENOUGH).map(|name| format!("\"{name}\"")).collect();
    let more = names.len().saturating_sub(ENOUGH);
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{rest}", shown.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn lists() -> Map<String, Value> {
        let lists = json!({
            "models": [{ "title": "painter.safetensors [0123456789]", "model_name": "painter" },
                       { "title": "flux1-dev.safetensors", "model_name": "flux1-dev" }],
            "modules": [{ "model_name": "ae.safetensors", "filename": "/vae/ae.safetensors" }],
            "samplers": [{ "name": "Euler", "aliases": ["k_euler"] }, { "name": "Euler a" }, { "name": "DPM++ 2M" }],
            "schedulers": [{ "name": "karras", "label": "Karras" }, { "name": "simple", "label": "Simple" }],
            "upscalers": [{ "name": "None" }, { "name": "Lanczos" }], "latent_upscalers": [{ "name": "Latent" }],
            "styles": [{ "name": "noir" }]
        });
        lists.as_object().expect("an object").clone()
    }

    fn params(more: Value) -> Params {
        let mut params = json!({ "prompt": "x" });
        params.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        serde_json::from_value(params).expect("params")
    }

    fn fitted(more: Value) -> Params {
        let mut params = params(more);
        fit(&mut params, &lists()).expect("it fits");
        params
    }

    fn refused(more: Value) -> String {
        let problem = fit(&mut params(more.clone()), &lists()).expect_err(&more.to_string());
        assert_eq!(problem.kind, Kind::Invalid);
        problem.message
    }

    #[test]
    fn each_unknown_name_is_refused_with_its_field_and_the_nearest_names() {
        for (more, field, offered) in [
            (json!({ "sampler_name": "Eular" }), "sampler_name", "\"Euler\""),
            (json!({ "scheduler": "karas" }), "scheduler", "\"karras\""),
            (json!({ "checkpoint": "flux1" }), "checkpoint", "\"flux1-dev.safetensors\""),
            (json!({ "modules": ["ae.safetensor"] }), "modules", "\"ae.safetensors\""),
            (json!({ "enable_hr": true, "hr_upscaler": "Lancos" }), "hr_upscaler", "\"Lanczos\""),
            (json!({ "styles": ["noire"] }), "styles", "\"noir\""),
        ] {
            let message = refused(more);
            assert!(message.starts_with(&format!("{field}: the engine has no")), "{message}");
            assert!(message.contains("did you mean") && message.contains(offered), "{message}");
        }
    }

    #[test]
    fn where_nothing_is_near_the_engines_names_are_told() {
        let message = refused(json!({ "scheduler": "qqq" }));
        assert!(message.ends_with("it has \"karras\", \"simple\""), "{message}");
    }

    #[test]
    fn the_engines_own_names_are_sent() {
        let params = fitted(json!({
            "sampler_name": "K_EULER", "scheduler": "Karras", "checkpoint": "painter", "modules": ["AE"],
            "enable_hr": true, "hr_upscaler": "lanczos"
        }));
        assert_eq!(params.sampler_name.as_deref(), Some("Euler"));
        assert_eq!(params.scheduler.as_deref(), Some("karras"));
        assert_eq!(params.checkpoint.as_deref(), Some("painter.safetensors [0123456789]"));
        assert_eq!(params.modules, Some(vec!["ae.safetensors".into()]));
        assert_eq!(params.hr_upscaler.as_deref(), Some("Lanczos"));
    }

    #[test]
    fn a_samplers_name_with_a_schedulers_behind_it_is_both() {
        let params = fitted(json!({ "sampler_name": "DPM++ 2M Karras" }));
        assert_eq!((params.sampler_name.as_deref(), params.scheduler.as_deref()), (Some("DPM++ 2M"), Some("karras")));
        assert!(refused(json!({ "sampler_name": "DPM++ 9M Karras" })).contains("sampler_name"));
    }

    #[test]
    fn a_latent_upscaler_is_one_too_and_without_hires_none_is_looked_at() {
        fitted(json!({ "enable_hr": true, "hr_upscaler": "Latent" }));
        fitted(json!({ "hr_upscaler": "nonsense" }));
        assert_eq!(needed(&params(json!({ "hr_upscaler": "nonsense" }))), []);
    }

    #[test]
    fn what_an_engine_does_not_list_is_not_checked_but_modules_are_forges_alone() {
        let silent = Map::from_iter([("samplers".to_owned(), Value::Null)]);
        let mut any = params(json!({ "sampler_name": "x", "scheduler": "y", "checkpoint": "z", "modules": [] }));
        assert_eq!(fit(&mut any, &silent), Ok(None));
        let mut modules = params(json!({ "modules": ["ae"] }));
        assert!(fit(&mut modules, &silent).expect_err("refused").message.starts_with("modules: "));
    }

    #[test]
    fn only_the_lists_that_a_job_needs_are_asked_for() {
        assert_eq!(needed(&params(json!({}))), []);
        let all = json!({
            "sampler_name": "x", "checkpoint": "x", "modules": ["x"], "enable_hr": true, "hr_upscaler": "x", "styles": ["x"]
        });
        assert_eq!(needed(&params(all)).len(), 7);
    }
}
