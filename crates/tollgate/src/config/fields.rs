//! Reads settings out of the written tree, one table at a time.
//!
//! Owns type checks, unknown keys and the collecting of problems. Knows no setting by name.
//! A message quotes a value only if it stands literally in the file and does not look like a secret.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::error::{Problem, nearest};
use super::written::{Node, Origin, Table, Value, parse_value};
use super::{mask, substitute, units};

/// What every reader needs: the environment for `${NAME}`, and a place for problems.
pub(super) struct Context<'a> {
    pub(super) env: &'a BTreeMap<String, String>,
    problems: RefCell<Vec<Problem>>,
}

/// A string with its substitutions done.
pub(super) struct Text {
    pub(super) value: String,
    pub(super) origin: Origin,
    shown: bool,
}

/// One table being read. [`Fields::finish`] reports the keys that nobody asked for.
pub(super) struct Fields<'a> {
    ctx: &'a Context<'a>,
    pub(super) path: String,
    pub(super) origin: Origin,
    table: Table,
    known: Vec<&'static str>,
}

impl<'a> Context<'a> {
    pub(super) fn new(env: &'a BTreeMap<String, String>) -> Self {
        Self { env, problems: RefCell::default() }
    }

    pub(super) fn report(&self, key: &str, origin: &Origin, message: impl Into<String>) {
        self.report_with(key, origin, message, None);
    }

    pub(super) fn report_with(&self, key: &str, origin: &Origin, message: impl Into<String>, help: Option<String>) {
        self.problems.borrow_mut().push(Problem {
            key: key.to_owned(),
            origin: origin.clone(),
            message: message.into(),
            help,
        });
    }

    /// How many there are so far.
    pub(super) fn problems(&self) -> usize {
        self.problems.borrow().len()
    }

    pub(super) fn into_problems(self) -> Vec<Problem> {
        self.problems.into_inner()
    }

    /// A string with `${NAME}` replaced; `$${` stands for `${`.
    pub(super) fn text(&self, key: &str, node: Node) -> Option<Text> {
        let Value::Text(raw) = node.value else {
            let message = format!("expected a string, found {}", node.value.noun());
            self.report(key, &node.origin, message);
            return None;
        };
        let literal = matches!(node.origin, Origin::File(_) | Origin::Option(_));
        if matches!(node.origin, Origin::Option(_)) || !raw.contains("${") {
            let shown = literal && !mask::looks_secret(&raw);
            return Some(Text { value: raw, origin: node.origin, shown });
        }
        match substitute::variables(&raw, self.env) {
            Ok(value) => Some(Text { value, origin: node.origin, shown: false }),
            Err(message) => {
                self.report(key, &node.origin, message);
                None
            }
        }
    }

    /// One of a few words.
    pub(super) fn choose<T: Copy>(&self, key: &str, text: &Text, words: &[(&'static str, T)]) -> Option<T> {
        if let Some((_, meant)) = words.iter().find(|(word, _)| *word == text.value) {
            return Some(*meant);
        }
        let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let help = nearest(&text.value, &names).map(did_you_mean);
        let message = format!("{} is not one of {}", text.quoted(), names.join(", "));
        self.report_with(key, &text.origin, message, help);
        None
    }

    /// The items of a list; a variable's text is read as TOML.
    pub(super) fn list(&self, key: &str, node: Node) -> Option<Vec<Node>> {
        let node = typed(node);
        match node.value {
            Value::Array(items) => Some(items),
            other => {
                let message = format!("expected a list, found {}", other.noun());
                self.report(key, &node.origin, message);
                None
            }
        }
    }
}

impl Text {
    /// For messages: the value in backquotes, or words that give nothing away.
    pub(super) fn quoted(&self) -> String {
        if self.shown && self.value.chars().count() <= 80 {
            format!("`{}`", self.value)
        } else {
            "the value".to_owned()
        }
    }
}

/// Variables carry text; where the schema wants something else, the text is read as TOML.
fn typed(node: Node) -> Node {
    if let (Origin::Variable(_), Value::Text(text)) = (&node.origin, &node.value)
        && let Some(parsed) = parse_value(text, &node.origin)
    {
        return parsed;
    }
    node
}

/// `parent.key`, the key in quotes where TOML would need them.
pub(super) fn join(parent: &str, key: &str) -> String {
    let mut path = parent.to_owned();
    if !path.is_empty() {
        path.push('.');
    }
    let bare = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if !key.is_empty() && key.bytes().all(bare) {
        path.push_str(key);
    } else {
        let _ = write!(path, "{key:?}");
    }
    path
}

impl<'a> Fields<'a> {
    /// Opens a table; anything else is a problem.
    pub(super) fn open(ctx: &'a Context<'a>, path: String, node: Node) -> Option<Self> {
        let node = typed(node);
        match node.value {
            Value::Table(table) => Some(Self::of(ctx, path, node.origin, table)),
            other => {
                let message = format!("expected a table, found {}", other.noun());
                ctx.report(&path, &node.origin, message);
                None
            }
        }
    }

    /// Opens a table that is at hand.
    pub(super) fn of(ctx: &'a Context<'a>, path: String, origin: Origin, table: Table) -> Self {
        Self { ctx, path, origin, table, known: Vec::new() }
    }

    pub(super) fn key(&self, name: &str) -> String {
        join(&self.path, name)
    }

    /// A problem with the table as a whole.
    pub(super) fn report(&self, message: impl Into<String>, help: Option<&str>) {
        let help = help.map(str::to_owned);
        self.ctx.report_with(&self.path, &self.origin, message, help);
    }

    /// A problem with one key of it.
    pub(super) fn report_at(&self, name: &str, origin: &Origin, message: impl Into<String>) {
        self.ctx.report(&self.key(name), origin, message);
    }

    /// The value as written, and the key counts as known.
    pub(super) fn take(&mut self, name: &'static str) -> Option<Node> {
        self.known.push(name);
        self.table.remove(name).map(|entry| entry.node)
    }

    /// All entries of a table whose keys are free names.
    pub(super) fn into_entries(self) -> Table {
        self.table
    }

    pub(super) fn sub(&mut self, name: &'static str) -> Option<Self> {
        let node = self.take(name)?;
        Self::open(self.ctx, self.key(name), node)
    }

    pub(super) fn text(&mut self, name: &'static str) -> Option<Text> {
        let node = self.take(name)?;
        self.ctx.text(&self.key(name), node)
    }

    pub(super) fn list(&mut self, name: &'static str) -> Option<Vec<Node>> {
        let node = self.take(name)?;
        self.ctx.list(&self.key(name), node)
    }

    pub(super) fn boolean(&mut self, name: &'static str) -> Option<bool> {
        let node = typed(self.take(name)?);
        match node.value {
            Value::Boolean(is) => Some(is),
            other => {
                let message = format!("expected true or false, found {}", other.noun());
                self.report_at(name, &node.origin, message);
                None
            }
        }
    }

    pub(super) fn integer(&mut self, name: &'static str, range: RangeInclusive<u64>) -> Option<u64> {
        let node = typed(self.take(name)?);
        let message = match &node.value {
            Value::Integer(number) => match u64::try_from(*number) {
                Ok(number) if range.contains(&number) => return Some(number),
                _ => format!("must be between {} and {}", range.start(), range.end()),
            },
            other => format!("expected an integer, found {}", other.noun()),
        };
        self.report_at(name, &node.origin, message);
        None
    }

    pub(super) fn duration(&mut self, name: &'static str) -> Option<Duration> {
        let node = self.take(name)?;
        if matches!(node.value, Value::Integer(_)) {
            let message = "expected a duration with its unit, as in \"5s\"; an integer has no unit";
            self.report_at(name, &node.origin, message);
            return None;
        }
        let text = self.ctx.text(&self.key(name), node)?;
        match units::duration(&text.value) {
            Ok(duration) => Some(duration),
            Err(why) => {
                let message = format!("{} is not a duration: {why}", text.quoted());
                self.report_at(name, &text.origin, message);
                None
            }
        }
    }

    /// A size in bytes, at most `most`.
    pub(super) fn size(&mut self, name: &'static str, most: u64) -> Option<u64> {
        let node = self.take(name)?;
        let (origin, result) = if let Value::Integer(bytes) = node.value {
            let bytes = u64::try_from(bytes).unwrap_or(0);
            (node.origin, units::bounded_size(bytes, most))
        } else {
            let text = self.ctx.text(&self.key(name), node)?;
            let result = units::size(&text.value, most);
            let result = result.map_err(|why| format!("{} is not a size: {why}", text.quoted()));
            (text.origin, result)
        };
        result.map_err(|message| self.report_at(name, &origin, message)).ok()
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(&mut self, name: &'static str, words: &[(&'static str, T)]) -> Option<T> {
        let text = self.text(name)?;
        self.choose(name, &text, words)
    }

    pub(super) fn choose<T: Copy>(&self, name: &str, text: &Text, words: &[(&'static str, T)]) -> Option<T> {
        self.ctx.choose(&self.key(name), text, words)
    }

    pub(super) fn context(&self) -> &'a Context<'a> {
        self.ctx
    }

    pub(super) fn problems(&self) -> usize {
        self.ctx.problems()
    }

    /// The text of a value that was taken before.
    pub(super) fn text_of(&self, name: &str, node: Node) -> Option<Text> {
        self.ctx.text(&self.key(name), node)
    }

    /// Reports every key that was not asked for.
    pub(super) fn finish(self) {
        for (name, entry) in &self.table {
            let help = nearest(name, &self.known)
                .map_or_else(|| format!("known here: {}", self.known.join(", ")), did_you_mean);
            self.ctx.report_with(&self.key(name), &entry.key, "unknown key", Some(help));
        }
    }
}

pub(super) fn did_you_mean(name: &str) -> String {
    format!("did you mean `{name}`?")
}
