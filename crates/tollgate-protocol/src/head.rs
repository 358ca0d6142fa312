//! What the gateway must know of every JSON request, crossing or not; everything else stays bytes.
//!
//! One pass over the body. Which fields count is data of the protocol ([`Spec`]).

use crate::codec::InPath;
use crate::fault::{Fault, FaultKind};
use crate::json::{self, JsonError, JsonErrorKind, Member};
use crate::splice::Splice;
use std::ops::Range;

/// The fields of one protocol's requests that the gateway reads.
#[derive(Debug, Clone, Copy)]
pub struct Spec {
    /// One of these must be there; none where anything will do.
    pub needs: &'static [&'static str],
    /// Where the model is named, `None` if in the path.
    pub model: Option<&'static str>,
    /// What asks for a stream, `None` if the path does.
    pub stream: Option<&'static str>,
    /// Whether a stream tells its usage only if asked to (`stream_options.include_usage`).
    pub usage_on_demand: bool,
    /// What caps the output tokens; of several the last counts.
    pub caps: &'static [&'static str],
    /// What asks for alternatives.
    pub choices: Option<&'static str>,
}

/// What is known of one request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Head {
    /// The model asked for.
    pub model: String,
    /// Where its value stands; `None` where the path names it.
    pub model_range: Option<Range<usize>>,
    /// Whether the answer is to be streamed.
    pub stream: bool,
    /// Whether the caller asked for the usage chunk itself.
    pub include_usage: bool,
    /// The caller's cap on output tokens, if any.
    pub output_cap: Option<u64>,
    /// How many alternatives were asked for.
    pub choices: u64,
    /// Where the body repeats the model that the path names, as `models/…`.
    echoes: Vec<Range<usize>>,
    /// Whether a stream tells its usage only if asked to.
    usage_on_demand: bool,
    /// Where `stream_options` stands and what it holds, if it is there.
    stream_options: Option<StreamOptions>,
    /// Offset of the request's closing brace.
    close: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct StreamOptions {
    range: Range<usize>,
    /// Where the value of `include_usage` stands.
    include_usage: Option<Range<usize>>,
    /// Its closing brace and whether it has members; `None` for `null`.
    object: Option<(usize, bool)>,
}

/// Reads the head of a JSON request in one pass.
///
/// A field that says what may be done or what it costs must not be given twice: two parsers could read two requests.
pub fn read(body: &[u8], spec: &Spec, path: &InPath<'_>) -> Result<Head, Fault> {
    read_with(body, spec, path, |_, _| Ok(()))
}

/// As [`read`], for a protocol that has more such fields, inside others: `more` sees each member that `spec` does not
/// name.
pub fn read_with(
    body: &[u8],
    spec: &Spec,
    path: &InPath<'_>,
    mut more: impl FnMut(&Member<'_>, &mut Head) -> Result<(), Fault>,
) -> Result<Head, Fault> {
    let usage_on_demand = spec.usage_on_demand;
    let mut head = Head { choices: 1, stream: path.stream, usage_on_demand, ..Head::default() };
    let mut seen = Seen::default();
    let mut needed = spec.needs.is_empty();
    let mut fault: Option<Fault> = None;
    let mut cap: Option<usize> = None;
    let close = json::object(body, |member| {
        if fault.is_some() {
            return;
        }
        let key = member.key();
        let is = |name: Option<&'static str>| name.filter(|name| name.as_bytes() == key.as_ref());
        let among = |names: &'static [&'static str]| names.iter().position(|name| name.as_bytes() == key.as_ref());
        let taken = if let Some(at) = among(spec.needs) {
            needed |= !member.is_null();
            seen.once(spec.needs.get(at).copied().unwrap_or_default())
        } else if let Some(name) = is(spec.model) {
            seen.once(name).and_then(|()| match json::string(member.value) {
                Some(model) if !model.is_empty() => {
                    head.model = model.into_owned();
                    head.model_range = Some(member.range());
                    Ok(())
                }
                _ => Err(Fault::invalid(name, format!("'{name}' must be a non-empty string."))),
            })
        } else if let Some(name) = is(spec.stream) {
            seen.once(name).and_then(|()| match json::boolean(member.value) {
                Some(stream) => {
                    head.stream = stream;
                    Ok(())
                }
                None if member.is_null() => Ok(()),
                None => Err(Fault::invalid(name, format!("'{name}' must be true or false."))),
            })
        } else if spec.usage_on_demand && key.as_ref() == b"stream_options" {
            seen.once("stream_options").and_then(|()| stream_options(member.value, member.start)).map(
                |(options, include)| {
                    head.stream_options = Some(StreamOptions { range: member.range(), ..options });
                    head.include_usage = include;
                },
            )
        } else if let Some(name) = is(spec.choices) {
            seen.once(name).and_then(|()| whole(name, member.value)).map(|n| head.choices = n.unwrap_or(1))
        } else if let Some(at) = among(spec.caps) {
            let name = spec.caps.get(at).copied().unwrap_or_default();
            seen.once(name).and_then(|()| whole(name, member.value)).map(|n| {
                if n.is_some() && cap.is_none_or(|before| before < at) {
                    cap = Some(at);
                    head.output_cap = n;
                }
            })
        } else {
            more(&member, &mut head)
        };
        fault = taken.err();
    })
    .map_err(|e| malformed(&e))?;
    if let Some(fault) = fault {
        return Err(fault);
    }
    if let Some(model) = &path.model {
        head.model = model.clone().into_owned();
    } else if head.model.is_empty() {
        return Err(Fault::invalid("model", "You must give a 'model'."));
    }
    if let (false, Some(needs)) = (needed, spec.needs.first()) {
        return Err(Fault::invalid(*needs, format!("You must give '{needs}'.")));
    }
    head.close = close;
    Ok(head)
}

/// Fields that were there.
#[derive(Default)]
pub(crate) struct Seen(Vec<&'static str>);

impl Seen {
    /// Notes a field; one that was there before is a fault.
    pub(crate) fn once(&mut self, name: &'static str) -> Result<(), Fault> {
        if self.0.contains(&name) {
            return Err(Fault::invalid(name, format!("'{name}' is given twice.")));
        }
        self.0.push(name);
        Ok(())
    }
}

/// A whole number; `None` for `null`.
pub(crate) fn whole(name: &'static str, value: &[u8]) -> Result<Option<u64>, Fault> {
    match json::whole(value) {
        Some(n) => Ok(Some(n)),
        None if value == b"null" => Ok(None),
        None => Err(Fault::invalid(name, format!("'{name}' must be a whole number."))),
    }
}

impl Head {
    /// The changes that make the caller's request the vendor's: its own model name, and asking for usage in a
    /// stream where the protocol has that. In order of their place.
    pub fn edits(&self, model: &str, ask_usage: bool) -> Vec<Splice> {
        let mut edits = Vec::new();
        if let Some(range) = self.model_range.clone().filter(|_| model != self.model) {
            edits.push(Splice { range, text: json::quote(model) });
        }
        if model != self.model {
            let text = json::quote(&format!("models/{model}"));
            edits.extend(self.echoes.iter().map(|range| Splice { range: range.clone(), text: text.clone() }));
        }
        if ask_usage && self.usage_on_demand && self.stream && !self.include_usage {
            edits.push(self.usage_splice());
        }
        edits.sort_by_key(|splice| splice.range.start);
        edits
    }

    /// Notes that the body repeats the model of the path at `range`.
    pub(crate) fn echo(&mut self, range: Range<usize>) {
        self.echoes.push(range);
    }

    fn usage_splice(&self) -> Splice {
        const ASK: &str = "\"include_usage\":true";
        match &self.stream_options {
            None => Splice { range: self.close..self.close, text: format!(",\"stream_options\":{{{ASK}}}") },
            Some(StreamOptions { include_usage: Some(range), .. }) => {
                Splice { range: range.clone(), text: "true".into() }
            }
            Some(StreamOptions { object: Some((close, filled)), .. }) => {
                Splice { range: *close..*close, text: if *filled { format!(",{ASK}") } else { ASK.into() } }
            }
            Some(StreamOptions { range, .. }) => Splice { range: range.clone(), text: format!("{{{ASK}}}") },
        }
    }
}

fn stream_options(value: &[u8], start: usize) -> Result<(StreamOptions, bool), Fault> {
    let mut options = StreamOptions { range: 0..0, include_usage: None, object: None };
    if value == b"null" {
        return Ok((options, false));
    }
    let (mut include, mut filled, mut bad) = (false, false, false);
    let close = json::members(value, |member| {
        filled = true;
        if member.key().as_ref() == b"include_usage" {
            bad |= options.include_usage.is_some();
            options.include_usage = Some(start + member.start..start + member.end);
            match json::boolean(member.value) {
                Some(b) => include = b,
                None => bad |= !member.is_null(),
            }
        }
    })
    .map_err(|_| Fault::invalid("stream_options", "'stream_options' must be an object."))?;
    if bad {
        return Err(Fault::invalid("stream_options.include_usage", "'include_usage' must be true or false, once."));
    }
    options.object = Some((start + close, filled));
    Ok((options, include))
}

/// The fault for a body that is not acceptable JSON.
pub fn malformed(error: &JsonError) -> Fault {
    let message = match error.kind {
        JsonErrorKind::NotObject => "The request body must be a JSON object.".into(),
        _ => format!("The request body is not valid JSON: {error}."),
    };
    Fault::new(FaultKind::InvalidRequest, "invalid_json", message).about("body")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::HEAD;
    use crate::splice;
    use bytes::Bytes;

    fn head(body: &[u8]) -> Result<Head, Fault> {
        read(body, &HEAD, &InPath::default())
    }

    fn edited(body: &'static str, model: &str) -> String {
        let head = head(body.as_bytes()).unwrap();
        let out = splice::apply(&Bytes::from_static(body.as_bytes()), &head.edits(model, true));
        String::from_utf8(out.to_vec()).unwrap()
    }

    #[test]
    fn edits_touch_nothing_else() {
        assert_eq!(
            edited(r#" {"big": 123456789012345678901234567890, "model" : "a", "messages":[1.0] } "#, "b"),
            r#" {"big": 123456789012345678901234567890, "model" : "b", "messages":[1.0] } "#
        );
        for (given, wanted) in [
            (
                r#"{"model":"a","stream":true,"messages":[]}"#,
                r#"{"model":"a","stream":true,"messages":[],"stream_options":{"include_usage":true}}"#,
            ),
            (
                r#"{"stream_options":{},"model":"a","stream":true,"messages":[]}"#,
                r#"{"stream_options":{"include_usage":true},"model":"a","stream":true,"messages":[]}"#,
            ),
            (
                r#"{"stream_options":{"x":1 },"model":"a","stream":true,"messages":[]}"#,
                r#"{"stream_options":{"x":1 ,"include_usage":true},"model":"a","stream":true,"messages":[]}"#,
            ),
            (
                r#"{"stream_options":{"include_usage":false},"model":"a","stream":true,"messages":[]}"#,
                r#"{"stream_options":{"include_usage":true},"model":"a","stream":true,"messages":[]}"#,
            ),
            (
                r#"{"stream_options":null,"model":"a","stream":true,"messages":[]}"#,
                r#"{"stream_options":{"include_usage":true},"model":"a","stream":true,"messages":[]}"#,
            ),
        ] {
            assert_eq!(edited(given, "a"), wanted);
        }
        let asked = r#"{"stream_options":{"include_usage":true},"model":"a","stream":true,"messages":[]}"#;
        assert_eq!(edited(asked, "a"), asked);
        let plain = r#"{"model":"a","messages":[]}"#;
        assert_eq!(edited(plain, "a"), plain);
    }

    #[test]
    fn refuses_what_two_parsers_could_read_differently() {
        for (body, param) in [
            (r#"{"model":"a","model":"b","messages":[]}"#, "model"),
            (r#"{"model":"a","mod\u0065l":"b","messages":[]}"#, "model"),
            (r#"{"model":"a","stream":true,"stream":false,"messages":[]}"#, "stream"),
            (r#"{"model":"a","max_tokens":1,"max_tokens":2,"messages":[]}"#, "max_tokens"),
            (r#"{"model":1,"messages":[]}"#, "model"),
            (r#"{"messages":[]}"#, "model"),
            (r#"{"model":"a"}"#, "messages"),
            (r#"{"model":"a","messages":null}"#, "messages"),
            (r#"{"model":"a","messages":[],"stream":"yes"}"#, "stream"),
            (r"[]", "body"),
            (r#"{"model":"a","messages":[]"#, "body"),
        ] {
            let fault = head(body.as_bytes()).unwrap_err();
            assert_eq!(fault.param.as_deref(), Some(param), "{body}");
            assert_eq!(fault.status(), 400);
        }
    }
}
