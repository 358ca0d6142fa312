//! Pictures, sounds, documents and films as parts of a request.

use crate::canonical::{Capabilities, Content, Field, Media, MediaKind, Source, Turn};
use crate::codec::Protocol;
use crate::fault::Fault;
use crate::write::List;
use crate::writing::Writing;
use std::borrow::Cow;

/// Writes one.
pub(super) fn media(list: &mut List<'_>, media: &Media, writing: &mut Writing<'_>) -> Result<(), Fault> {
    let Media { kind, source, media_type: _, name, detail: _ } = media;
    let accepts = writing.target.accepts;
    let (field, what) = match kind {
        MediaKind::Image => (Field::Image, "pictures"),
        MediaKind::Audio => (Field::Audio, "sounds"),
        MediaKind::Document => (Field::Document, "documents"),
        MediaKind::Video => (Field::Video, "films"),
    };
    // Words in a document are words.
    if let Source::Text(text) = source {
        list.object().text("text", &titled(text, name.as_deref(), writing));
        return Ok(());
    }
    if !is_kind_taken(*kind, accepts) {
        return Err(writing.refuse(field, what));
    }
    if name.is_some() {
        writing.dropped(Field::DocumentName);
    }
    match source {
        Source::Base64(data) => {
            list.object().object("inlineData").text("mimeType", media.media_type_or_usual()).text("data", data);
        }
        Source::File { owner: Protocol::GenerateContent, id } => {
            list.object().object("fileData").text_if("mimeType", media.media_type.as_deref()).text("fileUri", id);
        }
        Source::File { .. } => return Err(writing.refuse(field, "files that another vendor keeps")),
        Source::Url(url) if accepts.fetches_urls => {
            let kind = media.media_type.as_deref().or_else(|| type_of_address(url));
            list.object()
                .object("fileData")
                .text("mimeType", kind.unwrap_or(media.media_type_or_usual()))
                .text("fileUri", url);
        }
        Source::Url(_) => return Err(writing.refuse(field, &format!("{what} by their address"))),
        Source::Text(_) => {}
    }
    Ok(())
}

fn is_kind_taken(kind: MediaKind, accepts: &Capabilities) -> bool {
    match kind {
        MediaKind::Image => accepts.image_input,
        MediaKind::Audio => accepts.audio_input,
        MediaKind::Document => accepts.document_input,
        MediaKind::Video => accepts.video_input,
    }
}

/// Whether [`media`] can write it.
pub(super) fn is_taken(media: &Media, accepts: &Capabilities) -> bool {
    match &media.source {
        Source::Text(_) => true,
        Source::Base64(_) | Source::File { owner: Protocol::GenerateContent, .. } => is_kind_taken(media.kind, accepts),
        Source::Url(_) => is_kind_taken(media.kind, accepts) && accepts.fetches_urls,
        Source::File { .. } => false,
    }
}

/// The words of a document, below its title if it has one.
pub(super) fn titled<'t>(text: &'t str, name: Option<&str>, writing: &mut Writing<'_>) -> Cow<'t, str> {
    let Some(name) = name else { return Cow::Borrowed(text) };
    writing.approximated(Field::DocumentName);
    Cow::Owned(format!("{name}\n{text}"))
}

/// The media type that the end of an address stands for.
fn type_of_address(url: &str) -> Option<&'static str> {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    Some(match path.rsplit_once('.')?.1.to_ascii_lowercase().as_str() {
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "heic" => "image/heic",
        "pdf" => "application/pdf",
        "txt" => "text/plain",
        "mp3" => "audio/mp3",
        "wav" => "audio/wav",
        "mp4" => "video/mp4",
        "mov" => "video/mov",
        "webm" => "video/webm",
        _ => return None,
    })
}

/// How closely all media are to be looked at. The vendor takes that for the whole request only, at least from every
/// model; where media differ it is left to the model.
pub(super) fn resolution(turns: &[Turn], writing: &mut Writing<'_>) -> Option<&'static str> {
    let details = turns.iter().flat_map(|turn| &turn.parts).filter_map(|part| match &part.content {
        Content::Media(media) => Some(media.detail.as_deref()),
        _ => None,
    });
    let mut common: Option<Option<&str>> = None;
    for detail in details {
        match common {
            Some(before) if before != detail => {
                writing.approximated(Field::ImageDetail);
                return None;
            }
            _ => common = Some(detail),
        }
    }
    let (level, exact) = match common?? {
        "low" => (Some("MEDIA_RESOLUTION_LOW"), true),
        "high" => (Some("MEDIA_RESOLUTION_HIGH"), true),
        "auto" => (None, true),
        "original" => (Some("MEDIA_RESOLUTION_HIGH"), false),
        _ => (None, false),
    };
    if !exact {
        writing.approximated(Field::ImageDetail);
    }
    level
}
