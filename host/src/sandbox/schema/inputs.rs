//! Which inputs the jobs of a component may have. Its params schema may say so, under `x-inputs`: an object with a name for
//! each, and none in it where it takes none. Of a component that does not say, nobody knows: it is given whatever comes.

use serde_json::Value;

use crate::choice::one_of;
use crate::sandbox::ParamsError;

/// The keyword of a params schema that names the inputs.
const KEYWORD: &str = "x-inputs";

/// The names of the inputs that a component takes, if it says so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Inputs(Option<Vec<String>>);

impl Inputs {
    /// What a params schema says. The error says what it should, for its author.
    pub(crate) fn of(schema: &Value) -> Result<Self, String> {
        match schema.get(KEYWORD) {
            None => Ok(Self(None)),
            Some(Value::Object(inputs)) => Ok(Self(Some(inputs.keys().cloned().collect()))),
            Some(_) => Err(format!(
                "must have an object under {KEYWORD} that describes each input by its name, such as {{\"init\": {{\"description\": \
                 \"the picture to start from\"}}}}, or {{}} for none"
            )),
        }
    }

    pub(crate) fn names(&self) -> Option<&[String]> {
        self.0.as_deref()
    }

    /// Whether a job of `backend` may have inputs of these names.
    pub(crate) fn check<'a>(&self, backend: &str, names: impl IntoIterator<Item = &'a str>) -> Result<(), ParamsError> {
        let Some(known) = &self.0 else { return Ok(()) };
        let stranger = names.into_iter().enumerate().find(|(_, name)| !known.iter().any(|known| known == name));
        let Some((index, name)) = stranger else { return Ok(()) };
        Err(if known.is_empty() {
            let message = format!("must be left out: backend {backend} takes none");
            ParamsError { field: "inputs".to_owned(), message }
        } else {
            let message = format!("is {name:?} and must be {}: backend {backend} takes no other", one_of(known));
            ParamsError { field: format!("inputs.{index}.name"), message }
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refusal(schema: Value, names: &[&str]) -> Option<(String, String)> {
        let refused = Inputs::of(&schema).unwrap().check("painter", names.iter().copied()).err()?;
        Some((refused.field.clone(), refused.to_string()))
    }

    #[test]
    fn a_component_that_takes_none_is_given_none() {
        let none = json!({"x-inputs": {}});
        assert_eq!(refusal(none.clone(), &[]), None);
        let told = "inputs must be left out: backend painter takes none";
        assert_eq!(refusal(none, &["init"]), Some(("inputs".to_owned(), told.to_owned())));
    }

    #[test]
    fn an_input_that_is_not_one_of_those_it_takes_is_named_with_those() {
        let two = json!({"x-inputs": {"init": {}, "mask": {}}});
        assert_eq!(refusal(two.clone(), &["mask", "init"]), None);
        let told = "inputs.1.name is \"pose\" and must be one of init, mask: backend painter takes no other";
        assert_eq!(refusal(two, &["init", "pose"]), Some(("inputs.1.name".to_owned(), told.to_owned())));
    }

    #[test]
    fn a_component_that_does_not_say_is_given_whatever_comes() {
        assert_eq!(refusal(json!({}), &["init", "anything"]), None);
    }

    #[test]
    fn what_names_no_inputs_is_told_how_to() {
        for wrong in [json!([]), json!(["init"]), json!(false), json!(null), json!("init")] {
            let told = Inputs::of(&json!({"x-inputs": wrong})).unwrap_err();
            assert!(told.contains("{\"init\": {") && told.contains("{} for none"), "{told}");
        }
    }
}
