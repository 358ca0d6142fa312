//! What people may say about a key or a project, and the rules that it must meet.
//!
//! Owns the bounds of every field and the way from and to stored rows. Both the admin API and the command line come
//! through here, so that neither can write what the other would refuse.

use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::Value;

use super::{Budget, BudgetMode, Limits, Metadata, Mode, Window};
use crate::glob::MAX_GLOB;
use crate::store::StoreError;
use crate::store::keys::KeyRow;
use crate::store::projects::ProjectRow;

/// Longest name, in characters.
const MAX_NAME: usize = 200;
/// Most globs or address ranges on a key.
const MAX_LIST: usize = 100;
/// Most metadata entries; their names have at most 64 characters and their values 512.
const MAX_METADATA: usize = 50;

/// A field that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}")]
pub struct Invalid {
    /// Path of the field, such as `budget.limit_usd`.
    pub field: String,
    /// What is wrong, for people; never repeats a value.
    pub message: String,
}

impl Invalid {
    /// Names the field and the fault.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}

/// Everything about a key that people decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySpec {
    /// 1 to 200 characters, no control characters.
    pub name: String,
    /// Fixed at creation.
    pub mode: Mode,
    /// `proj_…`; fixed at creation.
    pub project: String,
    /// Up to 100 globs of up to 128 bytes; empty allows all.
    pub allowed_models: Vec<String>,
    /// Up to 100 addresses or ranges, kept as written; empty allows all.
    pub allowed_ips: Vec<String>,
    /// Unix milliseconds; may lie in the past.
    pub expires_at: Option<i64>,
    /// The key's own budget.
    pub budget: Option<Budget>,
    /// The key's own limits, each at least 1.
    pub limits: Limits,
    /// Free.
    pub metadata: Metadata,
}

/// Everything about a project that people decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectSpec {
    /// 1 to 200 characters, no control characters.
    pub name: String,
    /// Budget over all keys.
    pub budget: Option<Budget>,
    /// Limits over all keys, each at least 1.
    pub limits: Limits,
    /// Free.
    pub metadata: Metadata,
}

impl KeySpec {
    /// A key of the default project without any restriction.
    pub fn new(name: impl Into<String>, mode: Mode) -> Self {
        Self {
            name: name.into(),
            mode,
            project: super::DEFAULT_PROJECT.to_owned(),
            allowed_models: Vec::new(),
            allowed_ips: Vec::new(),
            expires_at: None,
            budget: None,
            limits: Limits::default(),
            metadata: Metadata::new(),
        }
    }

    /// Checks every rule that needs no database.
    pub fn check(&self) -> Result<(), Invalid> {
        check_name(&self.name)?;
        if self.allowed_models.len() > MAX_LIST {
            return Err(Invalid::new("allowed_models", "has more than 100 entries"));
        }
        for (index, glob) in self.allowed_models.iter().enumerate() {
            if glob.is_empty() || glob.len() > MAX_GLOB || glob.chars().any(char::is_control) {
                let field = format!("allowed_models[{index}]");
                return Err(Invalid::new(field, "must have 1 to 128 bytes and no control characters"));
            }
        }
        parse_ranges(&self.allowed_ips)?;
        check_money_and_rates(self.budget, self.limits)?;
        check_metadata(&self.metadata)
    }

    /// Reads a stored row.
    pub fn from_row(row: &KeyRow) -> Result<Self, StoreError> {
        Ok(Self {
            name: row.name.clone(),
            mode: Mode::parse(&row.mode).ok_or(StoreError::Unreadable("keys.mode"))?,
            project: row.project_id.clone(),
            allowed_models: list(&row.allowed_models).ok_or(StoreError::Unreadable("keys.allowed_models"))?,
            allowed_ips: list(&row.allowed_ips).ok_or(StoreError::Unreadable("keys.allowed_ips"))?,
            expires_at: row.expires_at,
            budget: budget(row.budget_nano_usd, row.budget_window.as_deref(), row.budget_mode.as_deref())?,
            limits: limits(row.requests_per_minute, row.tokens_per_minute, row.concurrency)?,
            metadata: metadata(&row.metadata)?,
        })
    }

    /// Writes what may change after creation into a row.
    pub fn fill(&self, row: &mut KeyRow) {
        row.name.clone_from(&self.name);
        row.allowed_models = Value::from(self.allowed_models.clone()).to_string();
        row.allowed_ips = Value::from(self.allowed_ips.clone()).to_string();
        row.expires_at = self.expires_at;
        row.budget_nano_usd = self.budget.map(|b| b.limit_nano_usd);
        row.budget_window = self.budget.map(|b| b.window.as_str().to_owned());
        row.budget_mode = self.budget.map(|b| b.mode.as_str().to_owned());
        row.requests_per_minute = self.limits.requests_per_minute.map(i64::from);
        row.tokens_per_minute = self.limits.tokens_per_minute.map(u64::cast_signed);
        row.concurrency = self.limits.concurrency.map(i64::from);
        row.metadata = metadata_text(&self.metadata);
    }
}

impl ProjectSpec {
    /// A project without any restriction.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), budget: None, limits: Limits::default(), metadata: Metadata::new() }
    }

    /// Checks every rule.
    pub fn check(&self) -> Result<(), Invalid> {
        check_name(&self.name)?;
        check_money_and_rates(self.budget, self.limits)?;
        check_metadata(&self.metadata)
    }

    /// Reads a stored row.
    pub fn from_row(row: &ProjectRow) -> Result<Self, StoreError> {
        Ok(Self {
            name: row.name.clone(),
            budget: budget(row.budget_nano_usd, row.budget_window.as_deref(), row.budget_mode.as_deref())?,
            limits: limits(row.requests_per_minute, row.tokens_per_minute, row.concurrency)?,
            metadata: metadata(&row.metadata)?,
        })
    }

    /// Writes everything into a row.
    pub fn fill(&self, row: &mut ProjectRow) {
        row.name.clone_from(&self.name);
        row.budget_nano_usd = self.budget.map(|b| b.limit_nano_usd);
        row.budget_window = self.budget.map(|b| b.window.as_str().to_owned());
        row.budget_mode = self.budget.map(|b| b.mode.as_str().to_owned());
        row.requests_per_minute = self.limits.requests_per_minute.map(i64::from);
        row.tokens_per_minute = self.limits.tokens_per_minute.map(u64::cast_signed);
        row.concurrency = self.limits.concurrency.map(i64::from);
        row.metadata = metadata_text(&self.metadata);
    }
}

/// Reads ranges; a bare address is a range of one.
pub(super) fn parse_ranges(texts: &[String]) -> Result<Vec<IpNet>, Invalid> {
    if texts.len() > MAX_LIST {
        return Err(Invalid::new("allowed_ips", "has more than 100 entries"));
    }
    let range = |(index, text): (usize, &String)| {
        let net = text.parse::<IpNet>().map(|net| net.trunc());
        net.or_else(|_| text.parse::<IpAddr>().map(IpNet::from)).map_err(|_| {
            let message = "must be an address or a range, such as \"10.0.0.0/8\"";
            Invalid::new(format!("allowed_ips[{index}]"), message)
        })
    };
    texts.iter().enumerate().map(range).collect()
}

fn check_name(name: &str) -> Result<(), Invalid> {
    let blank = name.trim().is_empty();
    if blank || name.chars().count() > MAX_NAME || name.chars().any(char::is_control) {
        return Err(Invalid::new("name", "must have 1 to 200 characters and no control characters"));
    }
    Ok(())
}

fn check_money_and_rates(budget: Option<Budget>, limits: Limits) -> Result<(), Invalid> {
    if budget.is_some_and(|b| b.limit_nano_usd < 0) {
        return Err(Invalid::new("budget.limit_usd", "must not be negative"));
    }
    let too_small = [
        ("limits.requests_per_minute", limits.requests_per_minute == Some(0)),
        ("limits.tokens_per_minute", limits.tokens_per_minute == Some(0)),
        ("limits.concurrency", limits.concurrency == Some(0)),
    ];
    if let Some((field, _)) = too_small.into_iter().find(|(_, zero)| *zero) {
        return Err(Invalid::new(field, "must be at least 1; revoke the key to stop it"));
    }
    if limits.tokens_per_minute.is_some_and(|n| i64::try_from(n).is_err()) {
        return Err(Invalid::new("limits.tokens_per_minute", "is too large"));
    }
    Ok(())
}

fn check_metadata(metadata: &Metadata) -> Result<(), Invalid> {
    if metadata.len() > MAX_METADATA {
        return Err(Invalid::new("metadata", "has more than 50 entries"));
    }
    for (name, value) in metadata {
        let named = !name.is_empty() && name.chars().count() <= 64 && !name.chars().any(char::is_control);
        if !named || value.chars().count() > 512 {
            return Err(Invalid::new("metadata", "names have 1 to 64 characters, values at most 512"));
        }
    }
    Ok(())
}

fn list(text: &str) -> Option<Vec<String>> {
    serde_json::from_str(text).ok()
}

fn budget(nano: Option<i64>, window: Option<&str>, mode: Option<&str>) -> Result<Option<Budget>, StoreError> {
    match (nano, window) {
        (None, None) => Ok(None),
        (Some(limit_nano_usd), Some(window)) => {
            let window = Window::parse(window).ok_or(StoreError::Unreadable("budget_window"))?;
            // Without one: made before there were modes.
            let mode = mode.map_or(Some(BudgetMode::Strict), BudgetMode::parse);
            let mode = mode.ok_or(StoreError::Unreadable("budget_mode"))?;
            Ok(Some(Budget { limit_nano_usd, window, mode }))
        }
        _ => Err(StoreError::Unreadable("budget_nano_usd")),
    }
}

fn limits(requests: Option<i64>, tokens: Option<i64>, concurrency: Option<i64>) -> Result<Limits, StoreError> {
    fn number<T: TryFrom<i64>>(stored: Option<i64>) -> Result<Option<T>, StoreError> {
        stored.map(T::try_from).transpose().map_err(|_| StoreError::Unreadable("limits"))
    }
    Ok(Limits {
        requests_per_minute: number(requests)?,
        tokens_per_minute: number(tokens)?,
        concurrency: number(concurrency)?,
    })
}

fn metadata(text: &str) -> Result<Metadata, StoreError> {
    serde_json::from_str(text).map_err(|_| StoreError::Unreadable("metadata"))
}

fn metadata_text(metadata: &Metadata) -> String {
    let object: serde_json::Map<String, Value> =
        metadata.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect();
    Value::Object(object).to_string()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;

    fn field(edit: impl FnOnce(&mut KeySpec)) -> String {
        let mut spec = KeySpec::new("a", Mode::Live);
        edit(&mut spec);
        spec.check().map_or_else(|e| e.field, |()| String::new())
    }

    #[test]
    fn every_rule_names_its_field() {
        assert_eq!(field(|_| {}), "");
        assert_eq!(field(|s| s.name = " ".into()), "name");
        assert_eq!(field(|s| s.name = "a\nb".into()), "name");
        assert_eq!(field(|s| s.name = "é".repeat(201)), "name");
        assert_eq!(field(|s| s.name = "é".repeat(200)), "");
        assert_eq!(field(|s| s.allowed_models = vec!["a".into(), String::new()]), "allowed_models[1]");
        assert_eq!(field(|s| s.allowed_models = vec!["a".into(); 101]), "allowed_models");
        assert_eq!(field(|s| s.allowed_ips = vec!["10.0.0.1".into(), "::1/128".into()]), "");
        assert_eq!(field(|s| s.allowed_ips = vec!["10.0.0.0/33".into()]), "allowed_ips[0]");
        assert_eq!(field(|s| s.limits.concurrency = Some(0)), "limits.concurrency");
        assert_eq!(field(|s| s.limits.tokens_per_minute = Some(u64::MAX)), "limits.tokens_per_minute");
        let negative = Budget { limit_nano_usd: -1, window: Window::Day, mode: BudgetMode::Meter };
        assert_eq!(field(|s| s.budget = Some(negative)), "budget.limit_usd");
        assert_eq!(field(|s| drop(s.metadata.insert("a".into(), "x".repeat(513)))), "metadata");
    }

    #[test]
    fn ranges_are_cut_to_their_network() {
        let ranges = parse_ranges(&["10.1.2.3/8".into(), "127.0.0.1".into()]).unwrap();
        assert_eq!(ranges[0].to_string(), "10.0.0.0/8");
        assert_eq!(ranges[1].to_string(), "127.0.0.1/32");
    }
}
