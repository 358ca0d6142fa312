//! The configuration as typed: a tree of values of which each knows where it was written.
//!
//! Owns the step from TOML text to that tree. A derived deserializer would stop at the first fault and lose the
//! positions of keys, so the tree is read by hand in [`super::fields`]. Never interprets a setting and never
//! reads a file or the environment. Has no `Debug`: literal secrets are in here.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Where something was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    /// Byte range in the file.
    File(Range<usize>),
    /// Name of an environment variable.
    Variable(Arc<str>),
    /// A command-line option, with its dashes.
    Option(&'static str),
    /// The file as a whole, or a default.
    Whole,
}

/// A value and its place.
#[derive(Clone)]
pub(super) struct Node {
    pub(super) origin: Origin,
    pub(super) value: Value,
}

/// A key's place and its value.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) key: Origin,
    pub(super) node: Node,
}

/// Keys in alphabetical order.
pub(super) type Table = BTreeMap<String, Entry>;

/// What TOML can say.
#[derive(Clone)]
pub(super) enum Value {
    Text(String),
    /// Saturated at the ends of `i128`.
    Integer(i128),
    Boolean(bool),
    Array(Vec<Node>),
    Table(Table),
    /// Floats and dates, which no setting takes; the text names which.
    Other(&'static str),
}

impl Value {
    /// What a reader would call it.
    pub(super) fn noun(&self) -> &'static str {
        match self {
            Self::Text(_) => "a string",
            Self::Integer(_) => "an integer",
            Self::Boolean(_) => "a boolean",
            Self::Array(_) => "a list",
            Self::Table(_) => "a table",
            Self::Other(noun) => noun,
        }
    }
}

/// A fault of TOML itself.
pub(super) struct SyntaxError {
    pub(super) message: String,
    pub(super) span: Range<usize>,
}

/// The tree of a whole file, or all the faults in it.
pub(super) fn parse(text: &str) -> Result<Table, Vec<SyntaxError>> {
    let (table, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        return Ok(table_of(table.get_ref(), None));
    }
    Err(errors
        .iter()
        .map(|error| SyntaxError { message: error.message().to_owned(), span: error.span().unwrap_or(0..0) })
        .collect())
}

/// A value as it would stand behind `=` in the file, from a variable's text; `None` if it is not TOML.
pub(super) fn parse_value(text: &str, origin: &Origin) -> Option<Node> {
    let value = DeValue::parse(text).ok()?;
    Some(node_of(&value, Some(origin)))
}

fn table_of(table: &DeTable<'_>, origin: Option<&Origin>) -> Table {
    table
        .iter()
        .map(|(key, value)| {
            let entry = Entry { key: place(key.span(), origin), node: node_of(value, origin) };
            (key.get_ref().to_string(), entry)
        })
        .collect()
}

fn node_of(value: &Spanned<DeValue<'_>>, origin: Option<&Origin>) -> Node {
    let meant = match value.get_ref() {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(number) => {
            Value::Integer(i128::from_str_radix(number.as_str(), number.radix()).unwrap_or(i128::MAX))
        }
        DeValue::Float(_) => Value::Other("a fraction"),
        DeValue::Boolean(is) => Value::Boolean(*is),
        DeValue::Datetime(_) => Value::Other("a date or time"),
        DeValue::Array(items) => Value::Array(items.iter().map(|item| node_of(item, origin)).collect()),
        DeValue::Table(table) => Value::Table(table_of(table, origin)),
    };
    Node { origin: place(value.span(), origin), value: meant }
}

fn place(span: Range<usize>, origin: Option<&Origin>) -> Origin {
    origin.cloned().unwrap_or(Origin::File(span))
}
