//! What the engine has: its own lists, passed on as they are, and how to find something in them.
//!
//! Engines go by several names for one thing: a model has a title, a name, a file and two hashes, a scheduler a name and
//! a label. Whatever name a job uses is found; what is sent is the one that every engine takes.

use serde_json::{Map, Value, json};

/// The lists that are shown, by the name in the catalog and the route. The modules are Forge's alone.
pub const LISTS: [(&str, &str); 5] = [
    ("models", "sd-models"),
    ("samplers", "samplers"),
    ("schedulers", "schedulers"),
    ("upscalers", "upscalers"),
    ("modules", "sd-modules"),
];

/// The most bytes that the host takes, with some room for what surrounds the lists.
const MOST: usize = 1000 * 1024;

/// A list out of an answer: null when the engine has no such route, or says something else.
pub fn list(status: u16, body: &[u8]) -> Value {
    if !(200..300).contains(&status) {
        return Value::Null;
    }
    match serde_json::from_slice(body) {
        Ok(Value::Array(entries)) => Value::Array(entries),
        _ => Value::Null,
    }
}

/// The catalog of some lists, in the order of [`LISTS`].
pub fn catalog(lists: impl IntoIterator<Item = Value>) -> Map<String, Value> {
    LISTS.iter().map(|(name, _)| (*name).to_owned()).zip(lists).collect()
}

/// The catalog's text: whole, or if that is more than the host takes, with the names alone, as many as there is room for.
pub fn text(catalog: &Map<String, Value>) -> String {
    let whole = json!(catalog).to_string();
    if whole.len() <= MOST {
        return whole;
    }
    let mut room = MOST;
    let mut short = Map::new();
    for (list, entries) in catalog {
        let names = entries.as_array().map(|entries| {
            let named = entries.iter().filter_map(|entry| names(list, entry).into_iter().next());
            let kept = named.map(|name| json!({ name_of(list): name })).take_while(|entry| {
                let size = entry.to_string().len() + 1;
                let fits = size <= room;
                room -= size.min(room);
                fits
            });
            kept.collect::<Vec<_>>()
        });
        short.insert(list.clone(), json!(names));
    }
    Value::Object(short).to_string()
}

/// One line on what answers.
pub fn summary(host: &str, catalog: &Map<String, Value>) -> String {
    match catalog.get("models").and_then(Value::as_array).map(Vec::len) {
        Some(1) => format!("engine at {host}, 1 model"),
        Some(count) => format!("engine at {host}, {count} models"),
        None => format!("engine at {host}"),
    }
}

/// The field that has the name by which an entry of a list is shown.
fn name_of(list: &str) -> &'static str {
    match list {
        "models" => "title",
        "modules" => "model_name",
        _ => "name",
    }
}

/// All names of an entry of a list, the one to send first.
pub fn names(list: &str, entry: &Value) -> Vec<String> {
    let text = |field: &str| entry.get(field).and_then(Value::as_str).filter(|text| !text.is_empty());
    let mut names: Vec<String> = Vec::new();
    let mut put = |name: Option<&str>| names.extend(name.map(str::to_owned));
    match list {
        "models" => {
            let title = text("title");
            put(title);
            put(text("model_name"));
            // `file.safetensors [hash]`
            put(title.and_then(|title| title.rsplit_once(" [")).map(|(file, _)| file));
            put(text("hash"));
            put(text("sha256"));
            put(text("sha256").and_then(|hash| hash.get(..10)));
        }
        "modules" => put(text("model_name")),
        _ => {
            put(text("name"));
            put(text("label"));
            for alias in entry.get("aliases").and_then(Value::as_array).into_iter().flatten() {
                put(alias.as_str());
            }
        }
    }
    if matches!(list, "models" | "modules") {
        // Of either system: the engine may run on another one.
        let file = text("filename").and_then(|path| path.rsplit(['/', '\\']).next());
        put(file);
        put(file.and_then(|file| file.rsplit_once('.')).map(|(stem, _)| stem));
    }
    names
}

/// The entry that goes by a name: exactly, else in another case, else the only one that is spelt with the same letters,
/// as `Euler a` is for `euler_a`.
pub fn find<'a>(list: &str, entries: &'a [Value], wanted: &str) -> Option<&'a Value> {
    let by = |spelling: fn(&str) -> String| {
        let wanted = spelling(wanted);
        let mut found = entries.iter().filter(move |entry| {
            let names = names(list, entry);
            names.iter().any(|name| spelling(name) == wanted)
        });
        (found.next(), found.next())
    };
    let exact = by(str::to_owned).0;
    exact.or_else(|| by(str::to_lowercase).0).or_else(|| match by(letters) {
        (Some(only), None) => Some(only),
        _ => None,
    })
}

/// A name without what people spell differently. A plus is a part of many names, and a point of a version.
fn letters(name: &str) -> String {
    name.chars()
        .filter(|letter| letter.is_alphanumeric() || "+.".contains(*letter))
        .flat_map(char::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_passed_on_and_missing_ones_are_null() {
        let models = list(200, br#"[{"title": "tiny", "hash": null}]"#);
        let catalog = catalog([models, list(404, b"{}"), list(200, b"{}"), list(200, b"[]"), Value::Null]);
        let expected = json!({
            "models": [{ "title": "tiny", "hash": null }], "samplers": null, "schedulers": null, "upscalers": [],
            "modules": null
        });
        assert_eq!(summary("h:1", &catalog), "engine at h:1, 1 model");
        assert_eq!(serde_json::from_str::<Value>(&text(&catalog)).expect("JSON"), expected);
    }

    #[test]
    fn a_catalog_that_is_too_large_keeps_its_names() {
        let model = |number: usize| json!({ "title": format!("m{number}"), "config": "x".repeat(200) });
        let models: Vec<_> = (0..6000).map(model).collect();
        let catalog = catalog([json!(models), json!([{ "name": "Euler" }]), Value::Null, Value::Null, Value::Null]);
        let text = text(&catalog);
        assert!(text.len() <= 1024 * 1024, "{}", text.len());
        let short: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(short["models"][5999], json!({ "title": "m5999" }));
        assert_eq!((&short["samplers"][0]["name"], &short["modules"]), (&json!("Euler"), &Value::Null));
    }

    #[test]
    fn names_are_cut_off_where_even_they_are_too_many() {
        let models: Vec<_> =
            (0..6000).map(|number| json!({ "title": format!("{number} {}", "x".repeat(300)) })).collect();
        let catalog = catalog([json!(models), Value::Null, Value::Null, Value::Null, Value::Null]);
        assert!((900 * 1024..=1024 * 1024).contains(&text(&catalog).len()));
    }

    #[test]
    fn a_model_is_found_by_each_of_its_names() {
        let model = json!({
            "title": "sd/painter.safetensors [0123456789]", "model_name": "sd_painter", "hash": "0123456789",
            "sha256": "0123456789abcdef", "filename": "C:\\models\\sd\\painter.safetensors", "config": null
        });
        let models = [json!({ "title": "other" }), model.clone()];
        for name in [
            "sd/painter.safetensors [0123456789]",
            "sd/painter.safetensors",
            "sd_painter",
            "SD_Painter",
            "0123456789",
            "0123456789abcdef",
            "painter.safetensors",
            "painter",
        ] {
            assert_eq!(find("models", &models, name), Some(&model), "{name}");
        }
        assert_eq!(find("models", &models, "paint"), None);
    }

    #[test]
    fn an_exact_name_goes_before_one_in_another_case() {
        let samplers = [json!({ "name": "EULER" }), json!({ "name": "Euler", "aliases": ["k_euler"] })];
        assert_eq!(find("samplers", &samplers, "Euler"), Some(&samplers[1]));
        assert_eq!(find("samplers", &samplers, "K_Euler"), Some(&samplers[1]));
    }

    #[test]
    fn another_spelling_is_understood_if_it_can_only_mean_one() {
        let samplers = ["euler_a", "euler", "dpm++2m", "dpm2", "a b", "a_b"].map(|name| json!({ "name": name }));
        assert_eq!(find("samplers", &samplers, "Euler a"), Some(&samplers[0]));
        assert_eq!(find("samplers", &samplers, "DPM++ 2M"), Some(&samplers[2]));
        assert_eq!(find("samplers", &samplers, "A-B"), None);
        assert_eq!(find("samplers", &samplers, "eulera2"), None);
    }
}
