//! Where an answer's words come from: `groundingMetadata`, and `citationMetadata` for what was learnt by heart.
//!
//! Which words rest on which source is told in offsets that no two protocols count alike; a source counts for all the
//! words of its part.

use super::fields;
use crate::canonical::Citation;
use crate::fields::Fields;
use crate::write::Object;

/// Most sources of one answer that are read.
const MAX_SOURCES: usize = 1024;

/// The sources in the metadata of one candidate.
pub(super) fn grounding(raw: &str) -> Vec<Citation> {
    let read = || -> Result<Vec<Citation>, crate::fault::Fault> {
        let metadata = fields::read(raw, "groundingMetadata")?;
        let mut found = Vec::new();
        for (_, chunk) in fields::objects(&metadata, "groundingChunks")? {
            for kind in ["web", "retrievedContext", "maps", "image"] {
                if let Some(source) = fields::object(&chunk, kind)? {
                    found.push(source_of(&source, kind)?);
                }
            }
        }
        Ok(found)
    };
    // Sources that are written in another way than ever before are none.
    let mut found = read().unwrap_or_default();
    found.truncate(MAX_SOURCES);
    found
}

fn source_of(source: &Fields<'_>, kind: &str) -> Result<Citation, crate::fault::Fault> {
    let address = if kind == "image" { "sourceUri" } else { "uri" };
    let quoted = kind == "retrievedContext";
    Ok(Citation {
        url: fields::owned(source, address)?,
        title: fields::owned(source, "title")?,
        quote: if quoted { fields::owned(source, "text")? } else { None },
    })
}

/// The sources of words that were learnt by heart.
pub(super) fn citations(raw: &str) -> Vec<Citation> {
    let read = || -> Result<Vec<Citation>, crate::fault::Fault> {
        let metadata = fields::read(raw, "citationMetadata")?;
        let mut found = Vec::new();
        for list in ["citationSources", "citations"] {
            for (_, source) in fields::objects(&metadata, list)? {
                let cited = source_of(&source, "web")?;
                if cited != Citation::default() {
                    found.push(cited);
                }
            }
        }
        Ok(found)
    };
    let mut found = read().unwrap_or_default();
    found.truncate(MAX_SOURCES);
    found
}

/// Writes sources, each with the place of the part that rests on it.
pub(super) fn write(metadata: &mut Object<'_>, sources: &[(usize, &Citation)]) {
    {
        let mut chunks = metadata.list("groundingChunks");
        for (_, Citation { url, title, quote }) in sources {
            let mut chunk = chunks.object();
            let kind = if quote.is_some() || url.is_none() { "retrievedContext" } else { "web" };
            let mut source = chunk.object(kind);
            source.text_if("uri", url.as_deref()).text_if("title", title.as_deref()).text_if("text", quote.as_deref());
        }
    }
    let mut supports = metadata.list("groundingSupports");
    for (index, (part, _)) in sources.iter().enumerate() {
        let mut support = supports.object();
        support.object("segment").whole("partIndex", i64::try_from(*part).unwrap_or_default());
        support.list("groundingChunkIndices").raw(&index.to_string());
    }
}
