//! Names of tools that one protocol takes and another does not.
//!
//! A writer of requests gives such a tool a name made of its own; whoever writes the answer finds the caller's own name
//! again, because what is made of a name is always the same and does not depend on who makes it.

use super::ids::fitting;
use super::request::Request;
use std::borrow::Cow;
use std::collections::HashMap;

/// Longest name that every protocol takes, in bytes.
const MOST: usize = 64;

/// `name` if it is `taken` by a protocol, else one made of it that all of them take.
pub fn tool_name(name: &str, taken: impl Fn(&str) -> bool) -> Cow<'_, str> {
    if taken(name) { Cow::Borrowed(name) } else { Cow::Owned(made(name)) }
}

/// What can be read of the name, and digits that keep it apart from others.
fn made(name: &str) -> String {
    const DIGITS: usize = 8;
    let mut out = String::with_capacity(MOST);
    for c in name.chars().take(MOST - DIGITS - 2) {
        let c = if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
        if out.is_empty() && !c.is_ascii_alphabetic() {
            out.push('_');
        }
        out.push(c);
    }
    let digits = fitting(name, 0, |_| false, "");
    out.push('_');
    out.push_str(digits.get(digits.len() - DIGITS..).unwrap_or_default());
    out
}

/// Whether every protocol takes a name.
fn is_plain(name: &str) -> bool {
    let first = name.bytes().next();
    first.is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_')
        && name.len() <= MOST
        && name.bytes().all(super::ids::is_word)
}

/// The caller's own names of tools that may have been given others.
#[derive(Debug, Clone, Default)]
pub struct OwnNames(HashMap<String, String>);

impl OwnNames {
    /// Those of a request's tools.
    pub fn of(request: &Request) -> Self {
        let names = request.tools.iter().filter_map(|tool| tool.name());
        Self(names.filter(|name| !is_plain(name)).map(|name| (made(name), name.to_owned())).collect())
    }

    /// The caller's name of the tool that a model calls by `called`.
    pub fn own<'a>(&'a self, called: &'a str) -> &'a str {
        self.0.get(called).map_or(called, |name| name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canonical::{Tool, ToolKind};

    #[test]
    fn there_and_back() {
        let names = ["get_weather", "3d.render", "3d:render", "-x", "", "é", &"long".repeat(40)];
        let tool = |name: &&str| {
            Tool::new(ToolKind::Function { name: (*name).into(), description: None, parameters: None, strict: None })
        };
        let request = Request { tools: names.iter().map(tool).collect(), ..Request::default() };
        let own = OwnNames::of(&request);
        let mut seen = Vec::new();
        for name in names {
            let given = tool_name(name, is_plain);
            assert!(is_plain(&given) && !seen.contains(&given.to_string()), "{given}");
            assert_eq!(own.own(&given), name);
            seen.push(given.into_owned());
        }
        assert_eq!((&*seen[0], &seen[1][..11]), ("get_weather", "_3d_render_"));
        assert_eq!(own.own("other"), "other");
    }
}
