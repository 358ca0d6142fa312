//! Lays `TOLLGATE_…` variables over the written tree.
//!
//! Owns the mapping from `TOLLGATE_SERVER__LISTEN` to `server.listen`. Takes the environment as a map and never
//! reads the process's own. Names without `__` are not settings: `TOLLGATE_ADMIN_KEY` is read elsewhere, and
//! orchestrators invent others (`TOLLGATE_PORT`, `TOLLGATE_SERVICE_HOST`).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::fields::Context;
use super::written::{Entry, Node, Origin, Table, Value, parse_value};

/// No setting lies deeper than `providers.x.credentials.0.api_key`.
const DEEPEST: usize = 8;
const PREFIX: &str = "TOLLGATE_";

/// Lists whose items can be named by number (`…__CREDENTIALS__0__API_KEY`) although the file has none.
const LISTS: &[&str] = &["credentials", "targets", "protocols", "forward_headers", "steps"];

/// Two-part settings, for telling a forgotten underscore.
const PLAIN: &[(&str, &[&str])] = &[
    ("server", &["listen", "admin_listen", "body_limit", "upload_limit", "drain_seconds"]),
    ("storage", &["database", "bodies", "data_dir", "durability", "log_days", "response_days"]),
    ("timeouts", &["connect", "first_byte", "idle", "total"]),
];

/// Sets each override in the tree; what cannot be set is reported.
pub(super) fn overlay(ctx: &Context<'_>, root: &mut Table) {
    let mut settings: Vec<(Vec<Segment>, &String, &String)> = Vec::new();
    for (name, value) in ctx.env {
        let Some(path) = name.strip_prefix(PREFIX) else {
            continue;
        };
        if path.contains("__") {
            settings.push((path.split("__").map(Segment::new).collect(), name, value));
        } else if let Some(meant) = forgotten_underscore(path) {
            let origin = Origin::Variable(name.as_str().into());
            let message = format!("{name} is not a setting; did you mean {meant}?");
            ctx.report("", &origin, message);
        }
    }
    settings.sort();
    for (path, name, value) in settings {
        let origin = Origin::Variable(Arc::from(name.as_str()));
        let leaf = Node { origin: origin.clone(), value: Value::Text(value.clone()) };
        if path.len() > DEEPEST {
            ctx.report("", &origin, "there is no setting that deep");
        } else if path.iter().any(|segment| segment.name.is_empty()) {
            ctx.report("", &origin, format!("{name} has an empty part in its path"));
        } else if let Err(message) = set(root, &path, &origin, leaf) {
            let names: Vec<&str> = path.iter().map(|segment| segment.name.as_str()).collect();
            ctx.report(&names.join("."), &origin, message);
        }
    }
}

/// Sorted so that numbers count up and a table comes before its keys.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Segment {
    number: Option<usize>,
    name: String,
}

impl Segment {
    fn new(text: &str) -> Self {
        Self { number: text.parse().ok(), name: text.to_ascii_lowercase() }
    }
}

fn forgotten_underscore(path: &str) -> Option<String> {
    let path = path.to_ascii_lowercase();
    let (section, key) = PLAIN.iter().find_map(|(section, keys)| {
        let rest = path.strip_prefix(section)?.strip_prefix('_')?;
        keys.contains(&rest).then_some((section, rest.to_owned()))
    })?;
    Some(format!("{PREFIX}{section}__{key}").to_ascii_uppercase())
}

fn set(table: &mut Table, path: &[Segment], origin: &Origin, leaf: Node) -> Result<(), String> {
    let Some((first, rest)) = path.split_first() else {
        return Ok(());
    };
    let key = existing(table, &first.name);
    if rest.is_empty() {
        let entry = Entry { key: origin.clone(), node: leaf };
        table.insert(key, entry);
        return Ok(());
    }
    let listed = LISTS.contains(&key.as_str()) && rest.first().is_some_and(|s| s.number.is_some());
    let entry = table.entry(key).or_insert_with(|| Entry {
        key: origin.clone(),
        node: Node {
            origin: origin.clone(),
            value: if listed { Value::Array(Vec::new()) } else { Value::Table(Table::new()) },
        },
    });
    descend(&mut entry.node, rest, origin, leaf)
}

fn descend(node: &mut Node, rest: &[Segment], origin: &Origin, leaf: Node) -> Result<(), String> {
    if let (Origin::Variable(_), Value::Text(text)) = (&node.origin, &node.value)
        && let Some(parsed) = parse_value(text, &node.origin)
    {
        *node = parsed;
    }
    match &mut node.value {
        Value::Table(table) => set(table, rest, origin, leaf),
        Value::Array(items) => {
            let Some((first, deeper)) = rest.split_first() else {
                return Ok(());
            };
            let number = first.number.filter(|number| *number <= items.len());
            let number = number.ok_or_else(|| format!("expected an item's number, at most {} here", items.len()))?;
            if number == items.len() {
                items.push(Node { origin: origin.clone(), value: Value::Table(Table::new()) });
            }
            match items.get_mut(number) {
                Some(item) if deeper.is_empty() => *item = leaf,
                Some(item) => return descend(item, deeper, origin, leaf),
                None => {}
            }
            Ok(())
        }
        other => Err(format!("a part of this path is {}, not a table", other.noun())),
    }
}

/// The key that the segment means: an existing one that differs in case or punctuation, or itself.
fn existing(table: &Table, segment: &str) -> String {
    if table.contains_key(segment) {
        return segment.to_owned();
    }
    let plain = |name: &str| -> String {
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect()
    };
    let wanted = plain(segment);
    table.keys().find(|key| plain(key) == wanted).cloned().unwrap_or_else(|| segment.to_owned())
}

/// Removes what is set but empty, for variables where that means unset.
pub(super) fn filled<'a>(env: &'a BTreeMap<String, String>, name: &str) -> Option<&'a str> {
    env.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
}
