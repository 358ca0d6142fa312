//! `embedContent` and `batchEmbedContents`: one vector, or one for each request of a list.

use super::fields;
use super::path::{Verb, bare};
use super::{error, usage};
use crate::canonical::{EmbedRequest, Losses, Vector, Vectors};
use crate::codec::InPath;
use crate::fault::Fault;
use crate::fields::{Fields, generic, missing, wrong};
use crate::json;
use crate::usage::Usage;
use crate::write::{self, Object};
use bytes::{Bytes, BytesMut};

/// Checks a whole answer of either kind and reads its usage, which older models do not tell; floats are skipped.
pub fn check_vectors(body: &[u8]) -> Result<Option<Usage>, Fault> {
    let (mut used, mut vectors, mut failed) = (None, false, false);
    json::object(body, |member| match member.key().as_ref() {
        b"usageMetadata" => used = usage(member.value),
        b"embedding" | b"embeddings" => vectors = true,
        b"error" => failed |= !member.is_null(),
        _ => {}
    })
    .map_err(|_| error::in_band(body).unwrap_or_else(crate::chat::not_an_answer))?;
    match (failed, vectors) {
        (true, _) => Err(error::in_band(body).unwrap_or_else(crate::chat::not_an_answer)),
        (false, true) => Ok(used),
        (false, false) => Err(crate::chat::not_an_answer()),
    }
}

/// Finds the usage near the end or the start of an answer that was too large to keep.
pub fn usage_in_window(window: &[u8]) -> Option<Usage> {
    usage(crate::embeddings::last_value(window, b"\"usageMetadata\"")?)
}

/// Reads a request of `verb` into the canonical form.
pub fn read_embed_request(
    body: &[u8],
    verb: Verb,
    path: &InPath<'_>,
    losses: &mut Losses,
) -> Result<EmbedRequest, Fault> {
    let text = std::str::from_utf8(body).map_err(|_| wrong("", "valid UTF-8"))?;
    let all = fields::read(text, "")?;
    let mut request = EmbedRequest {
        model: path.model.as_deref().unwrap_or_default().to_owned(),
        single: verb != Verb::BatchEmbed,
        ..EmbedRequest::default()
    };
    if request.single {
        let one = One::read(&all, losses)?;
        request.texts.push(one.text);
        request.dimensions = one.dimensions;
    } else {
        let list = fields::list(&all, "requests")?.ok_or_else(|| missing("requests"))?;
        for (at, item) in list.iter().enumerate() {
            let inner = fields::read(item.raw, item.path.clone())?;
            let one = One::read(&inner, losses)?;
            if at > 0 && one.dimensions != request.dimensions {
                let name = "requests[].outputDimensionality";
                return Err(Fault::unsupported(name, "All requests must ask this model for vectors of one length."));
            }
            request.dimensions = one.dimensions;
            request.texts.push(one.text);
            rest(&inner, losses);
        }
        if request.texts.is_empty() {
            return Err(Fault::invalid("requests", "'requests' is empty."));
        }
    }
    rest(&all, losses);
    Ok(request)
}

/// One request for one vector.
struct One {
    text: String,
    dimensions: Option<u64>,
}

impl One {
    fn read(fields: &Fields<'_>, losses: &mut Losses) -> Result<Self, Fault> {
        // The head has seen that it is the model of the path.
        fields.raw("model");
        let content = fields::object(fields, "content")?.ok_or_else(|| missing(&fields.at("content")))?;
        content.raw("role");
        let mut text = String::new();
        for (_, part) in fields::objects(&content, "parts")? {
            match part.text("text")? {
                Some(words) => {
                    if !text.is_empty() {
                        text.push('\n');
                    }
                    text.push_str(&words);
                    rest(&part, losses);
                }
                None => {
                    let name = part.path().to_owned();
                    return Err(Fault::unsupported(name, "This model makes vectors of texts only."));
                }
            }
        }
        rest(&content, losses);
        let mut dimensions = fields::count(fields, "outputDimensionality")?;
        // A newer place for the same.
        if let Some(config) = fields::object(fields, "embedContentConfig")? {
            dimensions = fields::count(&config, "outputDimensionality")?.or(dimensions);
            rest(&config, losses);
        }
        Ok(Self { text, dimensions: dimensions.filter(|count| *count > 0) })
    }
}

/// What is not taken is lost: `taskType` and `title` too, which no other vendor has.
fn rest(fields: &Fields<'_>, losses: &mut Losses) {
    for (name, value) in fields.others() {
        if value != "\"\"" && value != "\"TASK_TYPE_UNSPECIFIED\"" {
            losses.dropped(generic(&fields.at(name)));
        }
    }
}

/// Writes a request: which verb it is, and its body. `model` is the vendor's name.
pub fn write_embed_request(request: &EmbedRequest, model: &str, losses: &mut Losses) -> (Verb, Bytes) {
    let EmbedRequest { model: _, texts, single: _, dimensions, base64: _, user } = request;
    if user.is_some() {
        losses.dropped("user");
    }
    let mut out = BytesMut::with_capacity(256);
    let mut body = write::object(&mut out);
    let one = |object: &mut Object<'_>, text: &str| {
        object.object("content").list("parts").object().text("text", text);
        if let Some(count) = dimensions {
            object.whole("outputDimensionality", *count);
        }
    };
    let verb = if let [only] = &**texts {
        one(&mut body, only);
        Verb::Embed
    } else {
        let mut list = body.list("requests");
        for text in texts {
            let mut object = list.object();
            object.text("model", &format!("models/{}", bare(model)));
            one(&mut object, text);
        }
        Verb::BatchEmbed
    };
    drop(body);
    (verb, out.freeze())
}

/// Reads the vectors of an answer that [`check_vectors`] has found sound.
pub fn read_embed_vectors(body: &[u8]) -> Result<Vectors, Fault> {
    let text = std::str::from_utf8(body).map_err(|_| crate::chat::not_an_answer())?;
    let read = || -> Result<Vec<Vector>, Fault> {
        let all = fields::read(text, "")?;
        let mut vectors = Vec::new();
        let mut list = fields::list(&all, "embeddings")?.unwrap_or_default();
        list.extend(fields::list(&all, "embedding")?.unwrap_or_default());
        for item in list {
            let one = fields::read(item.raw, item.path)?;
            vectors.push(Vector::Numbers(one.raw("values").ok_or_else(|| missing("values"))?.to_owned()));
        }
        Ok(vectors)
    };
    Ok(Vectors { vectors: read().map_err(|_| crate::chat::not_an_answer())?, usage: check_vectors(body)? })
}

/// Writes vectors as an answer.
pub fn write_embed_vectors(vectors: &Vectors, request: &EmbedRequest) -> Result<Bytes, Fault> {
    let Vectors { vectors, usage: used } = vectors;
    let mut out = BytesMut::with_capacity(1024);
    {
        let mut body = write::object(&mut out);
        match &**vectors {
            [only] if request.single => {
                body.object("embedding").raw("values", &only.numbers()?);
            }
            all => {
                let mut list = body.list("embeddings");
                for vector in all {
                    list.object().raw("values", &vector.numbers()?);
                }
            }
        }
        if let Some(used) = used {
            body.object("usageMetadata").whole("promptTokenCount", used.total_input());
        }
    }
    Ok(out.freeze())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embeddings;

    fn path() -> InPath<'static> {
        InPath { model: Some("m".into()), ..InPath::default() }
    }

    fn read(body: &str, verb: Verb) -> Result<(EmbedRequest, String), Fault> {
        let mut losses = Losses::default();
        let request = read_embed_request(body.as_bytes(), verb, &path(), &mut losses)?;
        Ok((request, losses.to_string()))
    }

    fn text(bytes: &[u8]) -> &str {
        std::str::from_utf8(bytes).unwrap()
    }

    #[test]
    fn from_openai_and_back() {
        let mut losses = Losses::default();
        let body = br#"{"model":"x","input":["a","b"],"dimensions":3,"encoding_format":"base64","user":"u","zap":1}"#;
        let request = embeddings::read_request(body, &mut losses).unwrap();
        let (verb, written) = write_embed_request(&request, "g", &mut losses);
        assert_eq!(verb, Verb::BatchEmbed);
        assert_eq!(
            text(&written),
            r#"{"requests":[{"model":"models/g","content":{"parts":[{"text":"a"}]},"outputDimensionality":3},{"model":"models/g","content":{"parts":[{"text":"b"}]},"outputDimensionality":3}]}"#
        );
        assert_eq!(losses.to_string(), "dropped=user,zap");
        let answer = br#"{"embeddings":[{"values":[1.5, 0]},{"values":[-2]}],"usageMetadata":{"promptTokenCount":7}}"#;
        let vectors = read_embed_vectors(answer).unwrap().complete(&request).unwrap();
        let told = embeddings::write_vectors(&vectors, &request, "x", 99).unwrap();
        assert_eq!(
            text(&told),
            r#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":"AADAPwAAAAA="},{"object":"embedding","index":1,"embedding":"AAAAwA=="}],"model":"x","usage":{"prompt_tokens":7,"total_tokens":7}}"#
        );
        let again = embeddings::read_vectors(&told).unwrap();
        assert_eq!(again.vectors[0].numbers().unwrap(), "[1.5,0]");
        assert!(read_embed_vectors(answer).unwrap().complete(&EmbedRequest::default()).is_err());
        let single = embeddings::read_request(br#"{"model":"x","input":"a"}"#, &mut losses).unwrap();
        let (verb, written) = write_embed_request(&single, "g", &mut losses);
        assert_eq!((verb, text(&written)), (Verb::Embed, r#"{"content":{"parts":[{"text":"a"}]}}"#));
        for tokens in [r#"{"input":[1,2]}"#, r#"{"input":[[1],[2]]}"#] {
            let fault = embeddings::read_request(tokens.as_bytes(), &mut losses).unwrap_err();
            assert_eq!((fault.param.as_deref(), &*fault.code), (Some("input"), "unsupported_parameter"));
        }
        for bad in [r#"{"input":[]}"#, r"{}", r#"{"input":"a","encoding_format":"x"}"#, r#"{"input":7}"#] {
            assert_eq!(embeddings::read_request(bad.as_bytes(), &mut losses).unwrap_err().status(), 400, "{bad}");
        }
    }

    #[test]
    fn to_openai_and_back() {
        let (request, losses) = read(
            r#"{"content":{"role":"user","parts":[{"text":"a"},{"text":"b"}]},"task_type":"RETRIEVAL_QUERY","title":"t","output_dimensionality":4,"model":"models/m"}"#,
            Verb::Embed,
        )
        .unwrap();
        assert_eq!(losses, "dropped=taskType,title");
        assert_eq!(
            text(&embeddings::write_request(&request, "o")),
            r#"{"model":"o","input":"a\nb","encoding_format":"float","dimensions":4}"#
        );
        let answer = br#"{"object":"list","data":[{"index":1,"embedding":[2]},{"index":0,"embedding":[1.25]}],"usage":{"prompt_tokens":5,"total_tokens":5}}"#;
        let (batch, losses) = read(
            r#"{"requests":[{"content":{"parts":[{"text":"a"}]},"embedContentConfig":{"outputDimensionality":2}},{"content":{"parts":{"text":"b"}},"outputDimensionality":"2","taskType":"TASK_TYPE_UNSPECIFIED"}]}"#,
            Verb::BatchEmbed,
        )
        .unwrap();
        assert_eq!((losses.as_str(), batch.dimensions, batch.texts.len()), ("exact", Some(2), 2));
        let vectors = embeddings::read_vectors(answer).unwrap().complete(&batch).unwrap();
        assert_eq!(
            text(&write_embed_vectors(&vectors, &batch).unwrap()),
            r#"{"embeddings":[{"values":[1.25]},{"values":[2]}],"usageMetadata":{"promptTokenCount":5}}"#
        );
        let one = Vectors { vectors: vec![Vector::Base64("AADAPw==".into())], usage: None };
        assert_eq!(text(&write_embed_vectors(&one, &request).unwrap()), r#"{"embedding":{"values":[1.5]}}"#);
        for (bad, param) in [
            (
                r#"{"requests":[{"content":{"parts":[{"text":"a"}]},"outputDimensionality":1},{"content":{"parts":[{"text":"a"}]}}]}"#,
                "requests[].outputDimensionality",
            ),
            (
                r#"{"requests":[{"content":{"parts":[{"inline_data":{"data":"","mime_type":"image/png"}}]}}]}"#,
                "requests[0].content.parts[0]",
            ),
            (r#"{"requests":[]}"#, "requests"),
            (r#"{"requests":[{}]}"#, "requests[0].content"),
        ] {
            let fault = read(bad, Verb::BatchEmbed).unwrap_err();
            assert_eq!((fault.param.as_deref(), fault.status()), (Some(param), 400), "{bad}");
        }
    }

    #[test]
    fn answers_are_checked() {
        let body = br#"{"embedding":{"values":[0.1,-2e-9]},"usageMetadata":{"promptTokenCount":8}}"#;
        let whole = check_vectors(body).unwrap().unwrap();
        assert_eq!((whole.input_tokens, usage_in_window(&body[30..])), (8, Some(whole)));
        assert_eq!(check_vectors(br#"{"embeddings":[]}"#).unwrap(), None);
        for bad in ["{}", "<html>", r#"{"embedding":{"values":[0.1,"#] {
            assert_eq!(check_vectors(bad.as_bytes()).unwrap_err().status(), 502, "{bad}");
        }
        let error = br#"{"error":{"code":404,"message":"m","status":"NOT_FOUND"}}"#;
        assert_eq!(check_vectors(error).unwrap_err().status(), 404);
    }
}
