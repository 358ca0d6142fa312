//! Replaces `${NAME}` in strings by environment variables.
//!
//! Owns the notation: `$${` stands for `${`, and what came out of a variable is not looked through again. Never
//! puts a value into a message.

use std::collections::BTreeMap;

/// The text with every reference replaced; the message names the variable that is not set.
pub(super) fn variables(raw: &str, env: &BTreeMap<String, String>) -> Result<String, String> {
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find("${") {
        let (before, after) = rest.split_at(at);
        let after = after.get(2..).unwrap_or_default();
        if let Some(before) = before.strip_suffix('$') {
            out.push_str(before);
            out.push_str("${");
            rest = after;
            continue;
        }
        out.push_str(before);
        let (name, left) = after.split_once('}').ok_or("`${` without a closing `}`")?;
        if !variable_name(name) {
            return Err("the name between `${` and `}` is not a variable's name".to_owned());
        }
        let value = env.get(name).ok_or_else(|| format!("the environment variable {name} is not set"))?;
        out.push_str(value);
        rest = left;
    }
    out.push_str(rest);
    Ok(out)
}

fn variable_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn substitution() {
        let env = BTreeMap::from([("A".to_owned(), "x${B}".to_owned())]);
        let sub = |text| variables(text, &env);
        assert_eq!(sub("1${A}2"), Ok("1x${B}2".to_owned()));
        assert_eq!(sub("$${A}"), Ok("${A}".to_owned()));
        assert_eq!(sub("$A"), Ok("$A".to_owned()));
        assert!(sub("${B}").is_err_and(|why| why.contains("B is not set")));
        assert!(sub("${A").is_err());
        assert!(sub("${}").is_err());
        assert!(sub("${a b}").is_err());
    }
}
