//! What video models can, by kind of provider and name. Data, never code: `video.tsv`.

use crate::config::Kind;
use std::collections::{BTreeSet, HashMap};
use std::sync::LazyLock;
use tollgate_protocol::video::model::Model;

const TEXT: &str = include_str!("video.tsv");
/// Stands for every model of a kind that is not listed.
const ANY: &str = "*";

#[derive(Default)]
struct Table {
    models: HashMap<Kind, HashMap<&'static str, Model>>,
    usual: HashMap<Kind, &'static str>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let mut table = Table::default();
    for line in lines() {
        if let Some((kind, name)) = usual_of(line) {
            table.usual.insert(kind, name);
        } else if let Some((kind, name, model)) = read(line) {
            table.models.entry(kind).or_default().insert(name, model);
        }
    }
    table
});

/// What a model can, or what models of its kind can that nobody knows; `None` for a kind without video.
pub fn find(kind: Kind, model: &str) -> Option<&'static Model> {
    let models = TABLE.models.get(&kind)?;
    models.get(model).or_else(|| models.get(ANY))
}

/// The model of a request that names none, in the protocol of this kind.
pub fn usual(kind: Kind) -> Option<&'static str> {
    TABLE.usual.get(&kind).copied()
}

/// All models that are listed by name.
pub fn names() -> BTreeSet<&'static str> {
    TABLE.models.values().flat_map(HashMap::keys).copied().filter(|name| *name != ANY).collect()
}

fn lines() -> impl Iterator<Item = &'static str> {
    TEXT.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}

fn usual_of(line: &'static str) -> Option<(Kind, &'static str)> {
    let (kind, name) = line.strip_prefix("usual\t")?.split_once('\t')?;
    Some((Kind::from_name(kind)?, name))
}

fn read(line: &'static str) -> Option<(Kind, &'static str, Model)> {
    let cells: Vec<&str> = line.split('\t').collect();
    let [kind, name, rest @ ..] = cells.as_slice() else { return None };
    let rest: [&str; 8] = rest.try_into().ok()?;
    Some((Kind::from_name(kind)?, name, Model::read(rest)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::{Mode, all};

    #[test]
    fn every_line_is_sound() {
        for line in lines() {
            assert!(usual_of(line).is_some() || read(line).is_some(), "{line}");
        }
        let models = lines().filter_map(read).count();
        assert_eq!(models, TABLE.models.values().map(HashMap::len).sum::<usize>(), "a model is there twice");
    }

    #[test]
    fn every_video_model_of_the_catalogue_is_there() {
        for entry in all().iter().filter(|entry| entry.has(Mode::Video)) {
            let own = TABLE.models.get(&entry.kind).is_some_and(|models| models.contains_key(entry.model));
            // A size that the vendor sells under another name.
            assert!(own || entry.model.ends_with("-high-res"), "{}/{}", entry.kind, entry.model);
        }
        assert_eq!(find(Kind::Ark, "ep-2026").map(Model::longest), Some(30));
        assert!(find(Kind::Anthropic, "x").is_none());
        assert_eq!(usual(Kind::Kling), Some("kling-v1"));
    }
}
