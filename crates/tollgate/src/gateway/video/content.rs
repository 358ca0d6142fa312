//! Files for callers, from the archive: whole, in parts, or inside an answer.

use super::inline::Inline;
use super::read::find;
use super::{Reader, missing, unavailable};
use crate::archive::{Range, read_range};
use crate::clock::now_ms;
use crate::gateway::Gateway;
use crate::gateway::respond::name;
use crate::lines::Lines;
use crate::message::{Answer, AnswerBody, Inbound};
use crate::tasks::{ArchiveState, Dialect, Kept, Task, TaskState};
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde_json::json;
use tollgate_protocol::codec::Protocol;
use tollgate_protocol::fault::{Fault, FaultKind};
use tollgate_protocol::video::Role;

/// `GET /v1/videos/{id}/content`.
pub(super) async fn variant(
    gateway: &Gateway,
    task: &Task,
    inbound: &Inbound,
    request_id: &str,
) -> Result<Answer, Fault> {
    let query = super::parameters(inbound.query.as_deref());
    let wanted = query.filter(|(name, _)| name == "variant").map(|(_, value)| value).last();
    let role = match wanted.as_deref().unwrap_or("video") {
        "video" => Role::Video,
        "thumbnail" => Role::Thumbnail,
        "spritesheet" => Role::Spritesheet,
        _ => return Err(Fault::invalid("variant", "'variant' must be video, thumbnail or spritesheet.")),
    };
    ready(task)?;
    let kept = task.file(role, 0).ok_or_else(|| {
        let message = "The provider of this video makes no file of this variant.";
        Fault::new(FaultKind::InvalidRequest, "variant_not_available", message).about("variant")
    })?;
    let shown = format!("{}.{}", task.public_id(), ending(kept));
    send(gateway, kept, inbound, request_id, Protocol::Chat, &shown).await
}

/// A signed link: whoever has it may read.
pub(super) async fn signed(gateway: &Gateway, inbound: &Inbound, request_id: &str) -> Result<Answer, Fault> {
    let none = || {
        Fault::new(FaultKind::NotFound, "result_not_found", "There is no such result, or its link is no longer good.")
    };
    let read = gateway.tasks.links.read(&inbound.path, inbound.query.as_deref(), now_ms() / 1_000);
    let (id, file) = read.ok_or_else(none)?;
    let task = gateway.tasks.get(id).await.map_err(|error| unavailable(&error))?.ok_or_else(none)?;
    if task.row.deleted_at.is_some() {
        return Err(none());
    }
    ready(&task)?;
    let kept = task.files.iter().find(|kept| kept.stored.name.ends_with(&format!("/{file}"))).ok_or_else(none)?;
    let shown = format!("{}-{}.{}", task.group(), kept.role.name(), ending(kept));
    send(gateway, kept, inbound, request_id, Protocol::Chat, &shown).await
}

/// `GET /v1beta/files/{name}:download`, and what a file is.
pub(super) async fn file(
    gateway: &Gateway,
    reader: &Reader,
    file: &str,
    download: bool,
    inbound: &Inbound,
    request_id: &str,
) -> Result<Answer, Fault> {
    let none = || Fault::new(FaultKind::NotFound, "file_not_found", "The file is not found.");
    let (group, index) = file.split_at_checked(26).ok_or_else(none)?;
    let index: u32 = index.parse().map_err(|_| none())?;
    let task = find(gateway, reader, Dialect::Veo, group)
        .await
        .map_err(|fault| if fault.kind == FaultKind::NotFound { none() } else { fault })?;
    ready(&task)?;
    let kept = task.file(Role::Video, index).ok_or_else(none)?;
    if download {
        let shown = format!("{file}.{}", ending(kept));
        return send(gateway, kept, inbound, request_id, Protocol::GenerateContent, &shown).await;
    }
    let expires = task.row.expires_at.map(crate::clock::print);
    let body = json!({
        "name": format!("files/{file}"), "mimeType": kept.content_type, "sizeBytes": kept.stored.bytes.to_string(),
        "sha256Hash": kept.stored.sha256, "expirationTime": expires, "state": "ACTIVE", "source": "GENERATED",
    });
    Ok(super::json(Protocol::GenerateContent.into(), request_id, body.to_string().into_bytes()))
}

/// An operation in Vertex's form, its videos in it.
pub(super) async fn vertex(gateway: &Gateway, task: &Task, request_id: &str) -> Result<Answer, Fault> {
    if task.archive == ArchiveState::Gone {
        ready(task)?;
    }
    let parts = gateway.tasks.show_vertex(task);
    let inline = Inline::open(&gateway.tasks.archive, task, parts).await.map_err(|error| {
        tracing::error!(%error, task = %task.id, "a kept result cannot be read");
        Fault::new(FaultKind::Internal, "internal", "The gateway failed.")
    })?;
    let mut answer = super::json(Protocol::GenerateContent.into(), request_id, Vec::new());
    answer.body = inline.into_body();
    Ok(answer)
}

/// Whether there is something to give.
fn ready(task: &Task) -> Result<(), Fault> {
    let not_found = |code: &'static str, message: &'static str| Fault::new(FaultKind::NotFound, code, message);
    match (task.state, task.archive) {
        (TaskState::Succeeded, ArchiveState::Stored) => Ok(()),
        (TaskState::Succeeded, _) => {
            let message = "The video was kept for its time, and is gone.";
            Err(Fault::new(FaultKind::Rejected(410), "video_expired", message))
        }
        (state, _) if state.is_final() => Err(not_found("video_failed", "The video was not made.")),
        _ => Err(not_found("video_not_ready", "Video is not ready yet. Ask for its status until it is completed.")),
    }
}

fn ending(kept: &Kept) -> &str {
    kept.stored.name.rsplit_once('.').map_or("bin", |(_, ending)| ending)
}

/// A kept file, or the part of it that is asked for.
async fn send(
    gateway: &Gateway,
    kept: &Kept,
    inbound: &Inbound,
    request_id: &str,
    protocol: Protocol,
    shown: &str,
) -> Result<Answer, Fault> {
    let (stored, length) = (&kept.stored, kept.stored.bytes);
    let tag = format!("\"{}\"", stored.sha256.get(..32).unwrap_or(&stored.sha256));
    let mut headers = Lines::with_capacity(12);
    let mut put = |name: HeaderName, text: &str| {
        if let Ok(value) = HeaderValue::from_str(text) {
            headers.push(name, value);
        }
    };
    put(header::ETAG, &tag);
    put(header::ACCEPT_RANGES, "bytes");
    put(header::CACHE_CONTROL, "private, max-age=3600");
    let same = |list: &str| {
        list.split(',').any(|one| matches!(one.trim().trim_start_matches("W/"), one if one == tag || one == "*"))
    };
    if inbound.header(&header::IF_NONE_MATCH).is_some_and(same) {
        name(&mut headers, protocol, request_id);
        return Ok(Answer { status: StatusCode::NOT_MODIFIED, headers, body: AnswerBody::Whole("".into()) });
    }
    put(header::CONTENT_TYPE, &kept.content_type);
    put(header::CONTENT_DISPOSITION, &format!("attachment; filename=\"{shown}\""));
    let unchanged = inbound.header(&header::IF_RANGE).is_none_or(|wanted| wanted.trim() == tag);
    let range = inbound.header(&header::RANGE).filter(|_| unchanged);
    let (status, from, to) = match read_range(range, length) {
        Range::All => (StatusCode::OK, 0, length),
        Range::Part(from, to) => {
            put(header::CONTENT_RANGE, &format!("bytes {from}-{}/{length}", to - 1));
            (StatusCode::PARTIAL_CONTENT, from, to)
        }
        Range::Beyond => {
            put(header::CONTENT_RANGE, &format!("bytes */{length}"));
            name(&mut headers, protocol, request_id);
            return Ok(Answer {
                status: StatusCode::RANGE_NOT_SATISFIABLE,
                headers,
                body: AnswerBody::Whole("".into()),
            });
        }
    };
    name(&mut headers, protocol, request_id);
    let body = gateway.tasks.archive.body(&stored.name, from, to).await.map_err(|error| {
        tracing::error!(%error, file = stored.name, "a kept file cannot be opened");
        if error.kind() == std::io::ErrorKind::NotFound {
            return missing(Dialect::OpenAi);
        }
        Fault::new(FaultKind::Internal, "internal", "The gateway failed.")
    })?;
    Ok(Answer { status, headers, body: AnswerBody::Stream(Box::new(body)) })
}
