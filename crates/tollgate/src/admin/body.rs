//! Reading request bodies strictly: no unknown field, no field twice, no value of another type.
//!
//! [`Fields`] takes an object apart field by field and finally complains about what nobody asked for. `null` and
//! absent are told apart, as changes are merge patches (RFC 7396).

use axum::body::{Body, Bytes};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde_json::{Map, Value};

use super::BODY_LIMIT;
use super::error::AdminError;
use super::strict;
use crate::keys::{Budget, BudgetMode, Invalid, Limits, Metadata, Window};
use crate::{clock, money};

/// A JSON object being taken apart.
#[derive(Debug)]
pub(super) struct Fields {
    path: String,
    left: Map<String, Value>,
}

/// Reads a body that must be one JSON object of at most [`BODY_LIMIT`] bytes.
pub(super) async fn read(body: Body) -> Result<Fields, AdminError> {
    fields(&whole(body).await?)
}

/// Reads a body of at most [`BODY_LIMIT`] bytes.
pub(super) async fn whole(body: Body) -> Result<Bytes, AdminError> {
    match Limited::new(body, BODY_LIMIT).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(AdminError::too_large()),
        Err(_) => Err(AdminError::invalid("the body broke off")),
    }
}

/// Takes a body apart that must be one JSON object.
pub(super) fn fields(bytes: &[u8]) -> Result<Fields, AdminError> {
    match strict::parse(bytes)? {
        Value::Object(left) => Ok(Fields { path: String::new(), left }),
        _ => Err(Invalid::new("body", "must be a JSON object").into()),
    }
}

impl Fields {
    /// Takes a field; `Some(Value::Null)` if it is there and null.
    fn take(&mut self, name: &str) -> Option<Value> {
        self.left.shift_remove(name)
    }

    fn name(&self, field: &str) -> String {
        format!("{}{field}", self.path)
    }

    /// A field that must be there.
    pub(super) fn required(&mut self, name: &str) -> Result<String, Invalid> {
        match self.text(name)? {
            Some(text) => Ok(text),
            None => Err(Invalid::new(self.name(name), "is required")),
        }
    }

    /// Text, if the field is there; null is no text.
    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>, Invalid> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(Invalid::new(self.name(name), "must be a string")),
        }
    }

    /// An object of texts, if the field is there; null is none.
    pub(super) fn words(&mut self, name: &str) -> Result<Vec<(String, String)>, Invalid> {
        let wrong = || Invalid::new(self.name(name), "must be an object of strings");
        let words = match self.left.get(name) {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Object(words)) => {
                let word = |(name, value): (&String, &Value)| Some((name.clone(), value.as_str()?.to_owned()));
                words.iter().map(word).collect::<Option<_>>().ok_or_else(wrong)?
            }
            Some(_) => return Err(wrong()),
        };
        self.take(name);
        Ok(words)
    }

    /// Any value, if the field is there.
    pub(super) fn any(&mut self, name: &str) -> Option<Value> {
        self.take(name)
    }

    /// True or false, if the field is there.
    pub(super) fn flag(&mut self, name: &str) -> Result<Option<bool>, Invalid> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(flag)),
            Some(_) => Err(Invalid::new(self.name(name), "must be true or false")),
        }
    }

    /// An amount in dollars, if the field is there; null is none.
    pub(super) fn money(&mut self, name: &str) -> Result<Option<i64>, Invalid> {
        let wrong = |error: money::MoneyError| Invalid::new(self.name(name), error.to_string());
        match self.left.get(name) {
            None | Some(Value::Null) => {
                self.take(name);
                Ok(None)
            }
            Some(Value::String(text)) => {
                let nano = money::parse(text).map_err(wrong)?;
                self.take(name);
                Ok(Some(nano))
            }
            Some(_) => Err(wrong(money::MoneyError::Form)),
        }
    }

    /// A list of texts into `to`, if the field is there; null empties it.
    pub(super) fn texts(&mut self, name: &str, to: &mut Vec<String>) -> Result<(), Invalid> {
        let wrong = || Invalid::new(self.name(name), "must be a list of strings");
        let Some(value) = self.left.get(name) else {
            return Ok(());
        };
        *to = match value {
            Value::Null => Vec::new(),
            Value::Array(items) => {
                let texts = items.iter().map(|item| item.as_str().map(str::to_owned));
                texts.collect::<Option<_>>().ok_or_else(wrong)?
            }
            _ => return Err(wrong()),
        };
        self.take(name);
        Ok(())
    }

    /// A time into `to`, if the field is there; null clears it.
    pub(super) fn time(&mut self, name: &str, to: &mut Option<i64>) -> Result<(), Invalid> {
        match self.take(name) {
            None => {}
            Some(Value::Null) => *to = None,
            Some(Value::String(text)) => {
                let ms = clock::parse(&text).map_err(|error| Invalid::new(self.name(name), error.to_string()))?;
                *to = Some(ms);
            }
            Some(_) => return Err(Invalid::new(self.name(name), clock::TimeError.to_string())),
        }
        Ok(())
    }

    /// A budget into `to`, if the field is there; null clears it, an existing one keeps what is not given.
    pub(super) fn budget(&mut self, to: &mut Option<Budget>) -> Result<(), Invalid> {
        let Some(mut fields) = self.object("budget", to)? else {
            return Ok(());
        };
        let is_null = fields.left.get("limit_usd").is_some_and(Value::is_null);
        let limit = fields.money("limit_usd")?.or(to.map(|old| old.limit_nano_usd)).filter(|_| !is_null);
        let window =
            match fields.text("window")? {
                None => to.map(|old| old.window),
                Some(text) => Some(Window::parse(&text).ok_or_else(|| {
                    Invalid::new("budget.window", "must be \"total\", \"day\", \"week\" or \"month\"")
                })?),
            };
        let mode = match fields.text("mode")? {
            None => to.map_or(BudgetMode::default(), |old| old.mode),
            Some(text) => BudgetMode::parse(&text)
                .ok_or_else(|| Invalid::new("budget.mode", "must be \"strict\", \"soft\" or \"meter\""))?,
        };
        fields.done()?;
        let limit_nano_usd = limit.ok_or_else(|| Invalid::new("budget.limit_usd", "is required"))?;
        let window = window.ok_or_else(|| Invalid::new("budget.window", "is required"))?;
        *to = Some(Budget { limit_nano_usd, window, mode });
        Ok(())
    }

    /// Limits into `to`, if the field is there; null clears one or all.
    pub(super) fn limits(&mut self, to: &mut Limits) -> Result<(), Invalid> {
        let Some(mut fields) = self.object("limits", to)? else {
            return Ok(());
        };
        fields.number("requests_per_minute", &mut to.requests_per_minute)?;
        fields.number("tokens_per_minute", &mut to.tokens_per_minute)?;
        fields.number("concurrency", &mut to.concurrency)?;
        fields.done()
    }

    /// Metadata into `to`, if the field is there; a null value removes its entry, null removes all.
    pub(super) fn metadata(&mut self, to: &mut Metadata) -> Result<(), Invalid> {
        let Some(fields) = self.object("metadata", to)? else {
            return Ok(());
        };
        for (name, value) in fields.left {
            match value {
                Value::Null => drop(to.remove(&name)),
                Value::String(text) => drop(to.insert(name, text)),
                _ => return Err(Invalid::new("metadata", "values must be strings")),
            }
        }
        Ok(())
    }

    /// Complains about every field that nobody took.
    pub(super) fn done(self) -> Result<(), Invalid> {
        let mut names = self.left.keys().map(|name| format!("{}{}", self.path, strict::shown(name)));
        let Some(first) = names.next() else {
            return Ok(());
        };
        let all = names.take(9).fold(format!("`{first}`"), |all, name| format!("{all}, `{name}`"));
        Err(Invalid::new(first, format!("unknown or unchangeable: {all}")))
    }

    /// An inner object; null resets `to` and is then done with.
    fn object<T: Default>(&mut self, name: &str, to: &mut T) -> Result<Option<Self>, Invalid> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Null) => {
                *to = T::default();
                Ok(None)
            }
            Some(Value::Object(left)) => Ok(Some(Self { path: format!("{}.", self.name(name)), left })),
            Some(_) => Err(Invalid::new(self.name(name), "must be an object")),
        }
    }

    fn number<T: TryFrom<u64>>(&mut self, name: &str, to: &mut Option<T>) -> Result<(), Invalid> {
        *to = match self.take(name) {
            None => return Ok(()),
            Some(Value::Null) => None,
            Some(value) => {
                let number = value.as_u64().and_then(|n| T::try_from(n).ok());
                Some(number.ok_or_else(|| Invalid::new(self.name(name), "must be a whole number in range"))?)
            }
        };
        Ok(())
    }
}
