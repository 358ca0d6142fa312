//! From the model's name in a request to the targets that can serve it.
//!
//! Owns the order of the look-up: a `[models]` entry, `provider/model`, the catalogue. Pure; knows nothing of
//! health, limits or keys.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::catalogue::{self, Entry};
use crate::config::{Config, Provider, Target, is_model_name};

/// The targets of a public model name, in the order written; `None` is `model_not_found`. Never empty.
///
/// A name that several configured providers could serve by the catalogue goes to one of them: a table's before
/// one found in the environment, then in the order of kinds, then of names. Failover between providers is asked
/// for in `[models]`.
pub fn resolve(config: &Config, name: &str) -> Option<Arc<[Target]>> {
    if let Some(targets) = config.models.get(name) {
        return Some(Arc::clone(targets));
    }
    if !is_model_name(name) {
        return None;
    }
    if let Some((provider, model)) = name.split_once('/')
        && !model.is_empty()
        && let Some(provider) = config.providers.get(provider)
    {
        return Some(single(provider, model));
    }
    let (provider, entry) = from_catalogue(config, catalogue::find(name))?;
    Some(single(provider, entry.model))
}

fn single(provider: &Arc<Provider>, model: &str) -> Arc<[Target]> {
    Arc::new([Target { provider: Arc::clone(provider), model: model.into(), priority: 1, weight: 1 }])
}

fn from_catalogue<'a>(config: &'a Config, entries: &'static [Entry]) -> Option<(&'a Arc<Provider>, &'static Entry)> {
    let candidates = config.providers.values().filter_map(|provider| {
        let entry = entries.iter().find(|entry| entry.kind == provider.kind)?;
        entry.is_served().then_some((provider, entry))
    });
    // The map is in name order, and `min_by_key` takes the first of equals.
    candidates.min_by_key(|(provider, _)| (provider.found, provider.kind))
}

/// A model that a caller may name, for the lists of models.
#[derive(Debug, Clone)]
pub struct Visible<'a> {
    /// Its public name.
    pub name: &'a str,
    /// Its entry in the catalogue; `None` for a `[models]` entry that is not named like one.
    pub entry: Option<&'static Entry>,
    /// The provider that its first target names.
    pub provider: &'a Arc<Provider>,
}

/// Every public name in force, sorted: `[models]`, and the catalogue's models of configured kinds. Names of the
/// form `provider/model` are not listed; there is no end of them.
pub fn visible(config: &Config) -> Vec<Visible<'_>> {
    let mut names = BTreeMap::new();
    for entries in catalogue::all().chunk_by(|a, b| a.model == b.model) {
        if let Some((provider, entry)) = from_catalogue(config, entries) {
            let name = entry.model;
            let entry = Some(entry);
            names.insert(name, Visible { name, entry, provider });
        }
    }
    for (name, targets) in &config.models {
        let first =
            targets.iter().enumerate().min_by_key(|(index, target)| (target.priority, Reverse(target.weight), *index));
        if let Some((_, target)) = first {
            let provider = &target.provider;
            let entries = catalogue::find(name);
            let entry = entries.iter().find(|entry| entry.kind == provider.kind);
            names.insert(name, Visible { name, entry, provider });
        }
    }
    names.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Sources;

    const FILE: &str = r#"
        [providers.b-openai]
        kind = "openai"
        credentials = [{ api_key = "k" }]
        [providers.a-openai]
        kind = "openai"
        credentials = [{ api_key = "k" }]
        [models."gpt-5"]
        targets = [{ provider = "b-openai", model = "gpt-5-mini", priority = 2 },
                   { provider = "deepseek", model = "deepseek-flash" }]
    "#;

    fn config(file: &str, env: &[(&str, &str)]) -> Config {
        let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let sources = Sources { env, ..Sources::default() };
        Config::from_text(&sources, file).unwrap_or_else(|errors| panic!("{errors}"))
    }

    fn names(config: &Config, name: &str) -> Vec<String> {
        let targets = resolve(config, name);
        targets
            .iter()
            .flat_map(|targets| targets.iter())
            .map(|target| format!("{}/{}", target.provider.name, target.model))
            .collect()
    }

    #[test]
    fn the_order_of_the_look_up() {
        let config = config(FILE, &[("DEEPSEEK_API_KEY", "k"), ("GEMINI_API_KEY", "k")]);
        // A [models] entry wins over the catalogue, its targets in the order written.
        assert_eq!(names(&config, "gpt-5"), ["b-openai/gpt-5-mini", "deepseek/deepseek-flash"]);
        // Then the configured provider, whatever the model.
        assert_eq!(names(&config, "b-openai/ft:x/y"), ["b-openai/ft:x/y"]);
        assert_eq!(names(&config, "deepseek/gpt-5"), ["deepseek/gpt-5"]);
        // Then the catalogue; of several of one kind the first by name.
        assert_eq!(names(&config, "gpt-5-mini"), ["a-openai/gpt-5-mini"]);
        assert_eq!(names(&config, "gemini-2.5-flash"), ["gemini/gemini-2.5-flash"]);
        for unknown in
            ["claude-opus-5", "nobody/gpt-5", "no-such-model", "deepseek/", "", "a b", "deepseek/../x", "gpt-realtime"]
        {
            assert!(resolve(&config, unknown).is_none(), "{unknown}");
        }
    }

    #[test]
    fn tables_come_before_the_environment() {
        let file = r#"
            [providers.zz]
            kind = "vertex"
            project = "p"
            credentials = [{ access_token = "t" }]
        "#;
        let both = config(file, &[("GEMINI_API_KEY", "k")]);
        assert_eq!(names(&both, "gemini-2.5-flash"), ["zz/gemini-2.5-flash"]);
    }

    #[test]
    fn visible_names() {
        let config = config(FILE, &[("DEEPSEEK_API_KEY", "k")]);
        let visible = visible(&config);
        let names: Vec<&str> = visible.iter().map(|model| model.name).collect();
        assert!(names.is_sorted());
        for there in ["gpt-5", "gpt-5-mini", "deepseek-flash", "sora-2"] {
            assert!(names.contains(&there), "{there}");
        }
        for absent in ["claude-opus-5", "gpt-realtime", "tts-1", "gemini-2.5-pro"] {
            assert!(!names.contains(&absent), "{absent}");
        }
        let own = visible.iter().find(|model| model.name == "gpt-5");
        assert_eq!(own.map(|model| &*model.provider.name), Some("deepseek"));
        for model in &visible {
            assert!(resolve(&config, model.name).is_some(), "{}", model.name);
        }
        assert!(super::visible(&super::tests::config("", &[])).is_empty());
    }
}
