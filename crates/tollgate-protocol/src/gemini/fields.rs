//! Reading objects whose names may be written in camel or in snake case, and whose numbers may stand in quotes: both are
//! proper JSON for the vendor's message format. Losses and faults name fields in camel case.

use crate::fault::Fault;
use crate::fields::{Fields, Item, items, wrong};
use crate::json;
use std::borrow::Cow;

/// Reads an object.
pub(super) fn read(text: &str, path: impl Into<String>) -> Result<Fields<'_>, Fault> {
    Fields::read_renamed(text, path, camel)
}

/// An object inside another.
pub(super) fn object<'a>(fields: &Fields<'a>, name: &str) -> Result<Option<Fields<'a>>, Fault> {
    fields.raw(name).map(|raw| read(raw, fields.at(name))).transpose()
}

/// The elements of a list, or one object alone, which Google's servers take for a list of one.
pub(super) fn list<'a>(fields: &Fields<'a>, name: &str) -> Result<Option<Vec<Item<'a>>>, Fault> {
    let Some(raw) = fields.raw(name) else { return Ok(None) };
    if raw.starts_with('{') {
        return Ok(Some(vec![Item { raw, path: fields.at(name) }]));
    }
    items(raw, &fields.at(name)).map(Some)
}

/// The objects of a list.
pub(super) fn objects<'a>(fields: &Fields<'a>, name: &str) -> Result<Vec<(Item<'a>, Fields<'a>)>, Fault> {
    let list = list(fields, name)?.unwrap_or_default();
    list.into_iter()
        .map(|item| {
            let inner = read(item.raw, item.path.clone())?;
            Ok((item, inner))
        })
        .collect()
}

/// The strings of a list, or one string alone.
pub(super) fn texts(fields: &Fields<'_>, name: &str) -> Result<Vec<String>, Fault> {
    let Some(raw) = fields.raw(name) else { return Ok(Vec::new()) };
    if let Some(text) = json::string(raw.as_bytes()) {
        return Ok(vec![text.into_owned()]);
    }
    items(raw, &fields.at(name))?.iter().map(|item| item.text().map(Cow::into_owned)).collect()
}

/// A string, owned; an empty one counts as absent, as for every field of the vendor's message format.
pub(super) fn owned(fields: &Fields<'_>, name: &str) -> Result<Option<String>, Fault> {
    Ok(fields.text(name)?.filter(|text| !text.is_empty()).map(Cow::into_owned))
}

/// A name out of a list of them, in upper case; absent where it is the one that says nothing.
pub(super) fn name(fields: &Fields<'_>, name: &str) -> Result<Option<String>, Fault> {
    let text = fields.text(name)?.map(|text| text.to_ascii_uppercase());
    Ok(text.filter(|text| !text.is_empty() && !text.ends_with("UNSPECIFIED")))
}

/// A number.
pub(super) fn number(fields: &Fields<'_>, name: &str) -> Result<Option<f64>, Fault> {
    let Some(raw) = fields.raw(name) else { return Ok(None) };
    match bare(raw).parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(Some(number)),
        _ => Err(wrong(&fields.at(name), "a number")),
    }
}

/// A whole number.
pub(super) fn whole(fields: &Fields<'_>, name: &str) -> Result<Option<i64>, Fault> {
    let Some(raw) = fields.raw(name) else { return Ok(None) };
    let (whole, fraction) = bare(raw).split_once('.').unwrap_or((bare(raw), ""));
    match whole.parse() {
        Ok(number) if fraction.bytes().all(|byte| byte == b'0') => Ok(Some(number)),
        _ => Err(wrong(&fields.at(name), "a whole number")),
    }
}

/// A whole number that is not negative.
pub(super) fn count(fields: &Fields<'_>, name: &str) -> Result<Option<u64>, Fault> {
    let number = whole(fields, name)?;
    number.map(|n| u64::try_from(n).map_err(|_| wrong(&fields.at(name), "zero or more"))).transpose()
}

/// A number without the quotes that it may stand in.
pub(super) fn bare(raw: &str) -> &str {
    raw.strip_prefix('"').and_then(|raw| raw.strip_suffix('"')).unwrap_or(raw)
}

/// `snake_case` as `camelCase`; other names stay as they are.
pub(super) fn camel(name: Cow<'_, str>) -> Cow<'_, str> {
    if !name.contains('_') {
        return name;
    }
    let mut out = String::with_capacity(name.len());
    let mut upper = false;
    for (at, c) in name.char_indices() {
        match c {
            // A leading one is a part of the name.
            '_' if at > 0 => upper = true,
            _ if upper => {
                out.push(c.to_ascii_uppercase());
                upper = false;
            }
            _ => out.push(c),
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_are_one_name() {
        let fields =
            read(r#"{"max_output_tokens":"7","top_p":0.5,"_responseJsonSchema":1,"stopSequences":"x"}"#, "").unwrap();
        assert_eq!(count(&fields, "maxOutputTokens").unwrap(), Some(7));
        assert_eq!(number(&fields, "topP").unwrap(), Some(0.5));
        assert_eq!(texts(&fields, "stopSequences").unwrap(), ["x"]);
        assert!(fields.has("_responseJsonSchema"));
        let fields =
            read(r#"{"seed":-3.0,"topK":"-1","level":"thinking_level_unspecified"}"#, "generationConfig").unwrap();
        assert_eq!(whole(&fields, "seed").unwrap(), Some(-3));
        assert_eq!(name(&fields, "level").unwrap(), None);
        assert_eq!(count(&fields, "topK").unwrap_err().param.as_deref(), Some("generationConfig.topK"));
    }
}
