//! What is wrong with a configuration, told so that it can be put right without a search.
//!
//! Owns the errors' form: file, line, column, key, the source line with a caret. Collects them all; never shows a
//! secret, be it literal or substituted ([`super::mask`]).

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

use super::mask;
use super::written::{Origin, SyntaxError, Table};

/// Faults of one file that are told at most; the rest would be echoes.
const MOST: usize = 50;

/// All that is wrong with one configuration. `Display` prints every error with its source line.
#[derive(Debug)]
pub struct ConfigErrors {
    source: String,
    errors: Vec<ConfigError>,
}

/// One thing that is wrong.
#[derive(Debug, Clone)]
pub struct ConfigError {
    /// Path of the key, as in `providers.openai.credentials[0].api_key`; empty for the file as a whole.
    pub key: String,
    /// What is wrong, in one sentence. Holds no secret.
    pub message: String,
    /// How to put it right.
    pub help: Option<String>,
    /// Where it was written.
    pub place: Place,
    span: Range<usize>,
}

/// Where a faulty setting was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In the file; line and column count from 1, the column in characters.
    File {
        /// As given on the command line.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// In this environment variable.
    Variable(String),
    /// In this command-line option.
    Option(&'static str),
    /// In none of them.
    Nowhere,
}

/// An error before its place is worked out.
pub(super) struct Problem {
    pub(super) key: String,
    pub(super) origin: Origin,
    pub(super) message: String,
    pub(super) help: Option<String>,
}

impl ConfigErrors {
    /// Every error, those of the file in its order.
    pub fn all(&self) -> &[ConfigError] {
        &self.errors
    }

    pub(super) fn of_reading(path: PathBuf, message: String) -> Self {
        let place = Place::File { path, line: 1, column: 1 };
        let error = ConfigError { key: String::new(), message, help: None, place, span: 0..0 };
        Self { source: String::new(), errors: vec![error] }
    }

    pub(super) fn of_syntax(path: PathBuf, text: &str, errors: Vec<SyntaxError>) -> Self {
        let problems = errors
            .into_iter()
            .map(|error| Problem {
                key: String::new(),
                origin: Origin::File(error.span),
                message: error.message,
                help: None,
            })
            .collect();
        Self::located(Some(path), text, mask::broken(text), problems)
    }

    pub(super) fn of_meaning(path: Option<PathBuf>, text: &str, table: &Table, problems: Vec<Problem>) -> Self {
        Self::located(path, text, mask::parsed(text, table), problems)
    }

    fn located(path: Option<PathBuf>, text: &str, source: String, mut problems: Vec<Problem>) -> Self {
        problems.sort_by_key(|problem| match &problem.origin {
            Origin::File(span) => (0, span.start),
            Origin::Whole => (1, 0),
            Origin::Option(_) => (2, 0),
            Origin::Variable(_) => (3, 0),
        });
        problems.truncate(MOST);
        let path = path.unwrap_or_default();
        let errors = problems
            .into_iter()
            .map(|problem| {
                let span = match &problem.origin {
                    Origin::File(span) => one_line(text, span),
                    _ => 0..0,
                };
                let place = match problem.origin {
                    Origin::File(_) => at(text, span.start, path.clone()),
                    Origin::Variable(name) => Place::Variable(name.to_string()),
                    Origin::Option(name) => Place::Option(name),
                    Origin::Whole => Place::Nowhere,
                };
                ConfigError { key: problem.key, message: problem.message, help: problem.help, place, span }
            })
            .collect();
        Self { source, errors }
    }
}

/// The part of a range that lies in its first line, on character boundaries of `text`.
fn one_line(text: &str, span: &Range<usize>) -> Range<usize> {
    let start = text.floor_char_boundary(span.start.min(text.len()));
    let rest = text.get(start..).unwrap_or_default();
    let line = rest.find(['\n', '\r']).unwrap_or(rest.len());
    let end = text.ceil_char_boundary(span.end.clamp(start, start + line));
    start..end
}

fn at(text: &str, start: usize, path: PathBuf) -> Place {
    let before = text.get(..start).unwrap_or_default();
    let line_start = before.rfind('\n').map_or(0, |end| end + 1);
    let column = before.get(line_start..).unwrap_or_default().chars().count() + 1;
    let line = before.matches('\n').count() + 1;
    Place::File { path, line, column }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.errors.iter().enumerate() {
            if index > 0 {
                f.write_str("\n\n")?;
            }
            f.write_str(&self.rendered(error))?;
        }
        Ok(())
    }
}

impl ConfigErrors {
    fn rendered(&self, error: &ConfigError) -> String {
        let title = error.to_string();
        let title = Level::ERROR.primary_title(title);
        let note = |text: String| Level::NOTE.message(text);
        let help = || error.help.as_deref().map(|help| Level::HELP.message(help));
        let group = match &error.place {
            Place::File { path, line, column } if self.source.is_empty() => {
                title.element(note(format!("in {}:{line}:{column}", path.display())))
            }
            Place::File { path, .. } => {
                let caret = AnnotationKind::Primary.span(error.span.clone()).label(error.help.as_deref());
                let snippet = Snippet::source(self.source.as_str()).path(path.display().to_string()).annotation(caret);
                title.element(snippet)
            }
            Place::Variable(name) => {
                title.element(note(format!("set by the environment variable {name}"))).elements(help())
            }
            Place::Option(name) => title.element(note(format!("set by the option {name}"))).elements(help()),
            Place::Nowhere => title.elements(help()),
        };
        Renderer::plain().render(&[group])
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.key.is_empty() { f.write_str(&self.message) } else { write!(f, "{}: {}", self.key, self.message) }
    }
}

impl std::error::Error for ConfigErrors {}
impl std::error::Error for ConfigError {}

/// The known name nearest to a wrong one, if it is near enough to be meant.
pub(super) fn nearest<'a>(wrong: &str, known: &[&'a str]) -> Option<&'a str> {
    let wrong: Arc<str> = wrong.to_ascii_lowercase().replace('-', "_").into();
    known
        .iter()
        .map(|name| (distance(&wrong, &name.to_ascii_lowercase().replace('-', "_")), *name))
        .filter(|(distance, name)| *distance <= 1 + name.len() / 4)
        .min()
        .map(|(_, name)| name)
}

/// Edits (insert, delete, replace, swap of neighbours) between two short words.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(64).collect(), b.chars().collect());
    let mut rows = vec![(0..=b.len()).collect::<Vec<usize>>()];
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let cell = |up: usize, left: usize| -> usize {
                let source = if up == 0 { Some(&row) } else { rows.iter().rev().nth(up - 1) };
                source.and_then(|cells| cells.get((j + 1).checked_sub(left)?)).copied().unwrap_or(usize::MAX / 2)
            };
            let mut best = (cell(0, 1) + 1).min(cell(1, 0) + 1).min(cell(1, 1) + usize::from(x != y));
            let swapped = i > 0 && j > 0 && a.get(i - 1) == Some(y) && b.get(j - 1) == Some(x);
            if swapped {
                best = best.min(cell(2, 2) + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows.last().and_then(|row| row.last()).copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_found_and_far_ones_are_not() {
        let known = ["listen", "admin_listen", "body_limit", "tls"];
        assert_eq!(nearest("lisen", &known), Some("listen"));
        assert_eq!(nearest("body-limit", &known), Some("body_limit"));
        assert_eq!(nearest("lsiten", &known), Some("listen"));
        assert_eq!(nearest("colour", &known), None);
        assert_eq!(distance("ab", "ba"), 1);
        assert_eq!(distance("", "abc"), 3);
    }
}
