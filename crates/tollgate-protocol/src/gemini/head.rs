//! What the gateway must know of every request: the cap on output stands inside `generationConfig`, and the body may
//! repeat the model that the path names. Names count in camel and in snake case alike.

use super::path::bare;
use crate::codec::InPath;
use crate::fault::Fault;
use crate::head::{self, Head, Seen, Spec};
use crate::json::{self, Member};

const NONE: Spec = Spec { needs: &[], model: None, stream: None, usage_on_demand: false, caps: &[], choices: None };
const CONTENT: Spec = Spec { needs: &["contents"], ..NONE };
const COUNT: Spec = Spec { needs: &["contents", "generateContentRequest", "generate_content_request"], ..NONE };
const EMBED: Spec = Spec { needs: &["content"], ..NONE };
const BATCH: Spec = Spec { needs: &["requests"], ..NONE };

/// Reads a request for content.
pub fn head(body: &[u8], path: &InPath<'_>) -> Result<Head, Fault> {
    let mut seen = Seen::default();
    head::read_with(body, &CONTENT, path, |member, head| match member.key().as_ref() {
        b"generationConfig" | b"generation_config" => {
            seen.once("generationConfig")?;
            config(member.value, head)
        }
        b"model" => {
            seen.once("model")?;
            echo(member, 0, path, head)
        }
        _ => Ok(()),
    })
}

/// Reads a request to count tokens.
pub fn count_head(body: &[u8], path: &InPath<'_>) -> Result<Head, Fault> {
    let mut inner = Vec::new();
    let mut head = head::read_with(body, &COUNT, path, |member, head| match member.key().as_ref() {
        b"model" => echo(member, 0, path, head),
        _ => Ok(()),
    })?;
    // The request that is counted may stand inside, and then repeats the model. Its bytes are known to be sound.
    let _ = json::members(body, |member| {
        if matches!(member.key().as_ref(), b"generateContentRequest" | b"generate_content_request") {
            inner.push(member);
        }
    });
    for request in inner {
        echoes(request.value, request.start, path, &mut head)?;
    }
    Ok(head)
}

/// Reads a request for one vector.
pub fn embed_head(body: &[u8], path: &InPath<'_>) -> Result<Head, Fault> {
    head::read_with(body, &EMBED, path, |member, head| match member.key().as_ref() {
        b"model" => echo(member, 0, path, head),
        _ => Ok(()),
    })
}

/// Reads a request for several vectors, each of which repeats the model.
pub fn batch_embed_head(body: &[u8], path: &InPath<'_>) -> Result<Head, Fault> {
    let mut head = head::read(body, &BATCH, path)?;
    let mut fault = None;
    let base = body.as_ptr() as usize;
    let _ = json::members(body, |member| {
        if member.key().as_ref() != b"requests" {
            return;
        }
        let read = json::elements(member.value, |request| {
            if fault.is_none() {
                // Elements are parts of the body; only their place in it is asked for.
                let start = request.as_ptr() as usize - base;
                fault = echoes(request, start, path, &mut head).err();
            }
        });
        if read.is_err() {
            fault = Some(crate::fields::wrong("requests", "a list"));
        }
    });
    fault.map_or(Ok(head), Err)
}

/// The fields of `generationConfig` that say what a request may cost.
fn config(value: &[u8], head: &mut Head) -> Result<(), Fault> {
    let mut seen = Seen::default();
    let mut taken = Ok(());
    let read = json::members(value, |member| {
        if taken.is_err() {
            return;
        }
        taken = match member.key().as_ref() {
            b"maxOutputTokens" | b"max_output_tokens" => {
                let name = "generationConfig.maxOutputTokens";
                seen.once(name).and_then(|()| head::whole(name, member.value)).map(|cap| head.output_cap = cap)
            }
            b"candidateCount" | b"candidate_count" => {
                let name = "generationConfig.candidateCount";
                seen.once(name)
                    .and_then(|()| head::whole(name, member.value))
                    .map(|count| head.choices = count.unwrap_or(1))
            }
            _ => Ok(()),
        };
    });
    if read.is_err() && value != b"null" {
        return Err(crate::fields::wrong("generationConfig", "an object"));
    }
    taken
}

/// Looks for a repeated model in an object that begins at `start`.
fn echoes(object: &[u8], start: usize, path: &InPath<'_>, head: &mut Head) -> Result<(), Fault> {
    let mut taken = Ok(());
    let _ = json::members(object, |member| {
        if taken.is_ok() && member.key().as_ref() == b"model" {
            taken = echo(&member, start, path, head);
        }
    });
    taken
}

/// A model in the body: it must be that of the path, which decides what a key may do. `base` is where the object
/// begins that it stands in.
fn echo(member: &Member<'_>, base: usize, path: &InPath<'_>, head: &mut Head) -> Result<(), Fault> {
    if member.is_null() {
        return Ok(());
    }
    let named = json::string(member.value).ok_or_else(|| crate::fields::wrong("model", "a string"))?;
    if path.model.as_deref().is_some_and(|model| bare(&named) != bare(model)) {
        return Err(Fault::invalid("model", "'model' must be the model that the path names."));
    }
    head.echo(base + member.start..base + member.end);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::splice;
    use bytes::Bytes;

    fn path() -> InPath<'static> {
        InPath { model: Some("m".into()), stream: true, array: false }
    }

    fn edited(body: &'static str, read: fn(&[u8], &InPath<'_>) -> Result<Head, Fault>) -> String {
        let head = read(body.as_bytes(), &path()).unwrap();
        assert_eq!(head.edits("m", true), []);
        let out = splice::apply(&Bytes::from_static(body.as_bytes()), &head.edits("n", true));
        String::from_utf8(out.to_vec()).unwrap()
    }

    #[test]
    fn caps_stand_inside() {
        let body = br#"{"generation_config":{"maxOutputTokens":9,"candidate_count":2},"contents":[]}"#;
        let head = head(body, &path()).unwrap();
        assert_eq!((&*head.model, head.stream, head.output_cap, head.choices), ("m", true, Some(9), 2));
    }

    #[test]
    fn every_model_is_the_one_of_the_path() {
        assert_eq!(
            edited(r#"{ "model" : "models/m", "contents":[1.0]}"#, head),
            r#"{ "model" : "models/n", "contents":[1.0]}"#
        );
        assert_eq!(
            edited(r#"{"generateContentRequest":{"contents":[] ,"model":"m"}}"#, count_head),
            r#"{"generateContentRequest":{"contents":[] ,"model":"models/n"}}"#
        );
        assert_eq!(
            edited(
                r#"{"requests":[{"model":"models/m","content":{}}, {"content":{},"model":"models/m"}]}"#,
                batch_embed_head
            ),
            r#"{"requests":[{"model":"models/n","content":{}}, {"content":{},"model":"models/n"}]}"#
        );
        assert_eq!(edited(r#"{"content":{}}"#, embed_head), r#"{"content":{}}"#);
    }

    #[test]
    fn refuses_what_two_parsers_could_read_differently() {
        type Read = fn(&[u8], &InPath<'_>) -> Result<Head, Fault>;
        let cases: [(&str, &str, Read); 12] = [
            (r#"{"contents":[],"generationConfig":{},"generation_config":{}}"#, "generationConfig", head),
            (
                r#"{"contents":[],"generationConfig":{"maxOutputTokens":1,"max_output_tokens":2}}"#,
                "generationConfig.maxOutputTokens",
                head,
            ),
            (r#"{"contents":[],"generationConfig":{"candidateCount":"2"}}"#, "generationConfig.candidateCount", head),
            (r#"{"contents":[],"generationConfig":[]}"#, "generationConfig", head),
            (r#"{"contents":[],"model":"models/other"}"#, "model", head),
            (r#"{"contents":[],"model":"m","model":"m"}"#, "model", head),
            (r#"{"contents":[],"contents":[]}"#, "contents", head),
            (r"{}", "contents", head),
            (r#"{"generateContentRequest":{"model":"x"}}"#, "model", count_head),
            (r#"{"requests":[{"model":"x"}]}"#, "model", batch_embed_head),
            (r#"{"requests":{}}"#, "requests", batch_embed_head),
            (r#"{"content":{},"model":7}"#, "model", embed_head),
        ];
        for (body, param, read) in cases {
            let fault = read(body.as_bytes(), &path()).unwrap_err();
            assert_eq!((fault.param.as_deref(), fault.status()), (Some(param), 400), "{body}");
        }
    }
}
