//! Steering from beside: rules that hold for requests without a steering header of their own.
//!
//! For simulators behind a gateway, which hands no header of its caller on. Set at `/_sim/steer`.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use crate::{Request, steer::Steer};

/// Rules at a time.
const MOST: usize = 100;

/// One rule. The first that fits a request counts.
#[derive(Debug)]
struct Rule {
    steer: String,
    method: Option<String>,
    /// Part of the path.
    path: Option<String>,
    /// How often it still holds; none: for ever.
    times: Option<u64>,
}

/// Shared by the clones of a simulator.
#[derive(Debug, Default)]
pub(crate) struct Rules(Mutex<Vec<Rule>>);

impl Rules {
    /// The steering of the rule that fits a request, which has held once more by that.
    pub(crate) fn take(&self, request: &Request<'_>) -> Option<String> {
        let mut rules = self.rules();
        let rule = rules.iter_mut().find(|rule| {
            rule.times != Some(0)
                && rule.method.as_ref().is_none_or(|method| method == request.method)
                && rule.path.as_ref().is_none_or(|path| request.path.contains(path.as_str()))
        })?;
        rule.times = rule.times.map(|times| times.saturating_sub(1));
        Some(rule.steer.clone())
    }

    /// Replaces all rules by those of a JSON array; the error says what is wrong with it.
    pub(crate) fn replace(&self, body: &[u8]) -> Result<(), String> {
        let Ok(Value::Array(list)) = serde_json::from_slice(body) else {
            return Err("expected a JSON array of rules".to_owned());
        };
        if list.len() > MOST {
            return Err(format!("more than {MOST} rules"));
        }
        let rules = list.iter().map(Rule::read).collect::<Result<Vec<Rule>, String>>()?;
        *self.rules() = rules;
        Ok(())
    }

    pub(crate) fn clear(&self) {
        self.rules().clear();
    }

    /// `{"data":[…]}`, with the times that are left.
    pub(crate) fn page(&self) -> Value {
        let rules = self.rules();
        let data: Vec<Value> = rules
            .iter()
            .map(|rule| json!({"steer": rule.steer, "method": rule.method, "path": rule.path, "times": rule.times}))
            .collect();
        json!({"data": data})
    }

    fn rules(&self) -> MutexGuard<'_, Vec<Rule>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rule {
    fn read(value: &Value) -> Result<Self, String> {
        let Some(fields) = value.as_object() else {
            return Err("a rule is an object".to_owned());
        };
        if let Some(unknown) =
            fields.keys().find(|name| !matches!(name.as_str(), "steer" | "method" | "path" | "times"))
        {
            return Err(format!("unknown field `{unknown}` in a rule"));
        }
        let word = |name: &str| match fields.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(word)) => Ok(Some(word.clone())),
            Some(_) => Err(format!("`{name}` of a rule is a string")),
        };
        let steer = word("steer")?.ok_or_else(|| "a rule needs `steer`".to_owned())?;
        Steer::parse(&steer).map_err(|bad| bad.to_string())?;
        let times = match fields.get("times") {
            None | Some(Value::Null) => None,
            Some(times) => Some(times.as_u64().ok_or_else(|| "`times` of a rule is a whole number".to_owned())?),
        };
        Ok(Self { steer, method: word("method")?, path: word("path")?, times })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn post(path: &str) -> Request<'_> {
        Request { method: "POST", path, query: None, headers: &[], body: b"" }
    }

    #[test]
    fn the_first_rule_that_fits_and_is_not_used_up() {
        let rules = Rules::default();
        let list = json!([
            {"steer": "status=500", "method": "GET"},
            {"steer": "video-lost", "path": "/tasks", "times": 2},
            {"steer": "video=failed"},
        ]);
        rules.replace(list.to_string().as_bytes()).unwrap();
        assert_eq!(rules.take(&post("/v1/chat")).as_deref(), Some("video=failed"));
        assert_eq!(rules.take(&post("/a/tasks")).as_deref(), Some("video-lost"));
        assert_eq!(rules.take(&post("/a/tasks")).as_deref(), Some("video-lost"));
        assert_eq!(rules.take(&post("/a/tasks")).as_deref(), Some("video=failed"));
        assert_eq!(rules.page()["data"][1]["times"], 0);
        rules.clear();
        assert_eq!(rules.take(&post("/a/tasks")), None);
    }

    #[test]
    fn a_bad_rule_changes_nothing() {
        let rules = Rules::default();
        rules.replace(br#"[{"steer":"status=500"}]"#).unwrap();
        for bad in ["{}", "[1]", "[{}]", r#"[{"steer":"wobble"}]"#, r#"[{"steer":"","tiems":1}]"#, r#"[{"steer":1}]"#] {
            assert!(rules.replace(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(rules.replace(json!(vec![json!({"steer": ""}); 101]).to_string().as_bytes()).is_err());
        assert_eq!(rules.take(&post("/")).as_deref(), Some("status=500"));
    }
}
