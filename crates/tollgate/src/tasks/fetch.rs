//! Results into the archive: by links, below the vendor's base URL, or out of the vendor's answer itself.

use super::call::{Line, MAX_ANSWER};
use super::poll::skip;
use super::task::{Kept, Made};
use super::{ArchiveState, Task, TaskState, Tasks, crash};
use crate::archive::Incoming;
use crate::clock::now_ms;
use crate::lines::Lines;
use crate::upstream::{Call, CallBody, Piece, Reply, Source, StrangersUrl};
use bytes::{Bytes, BytesMut};
use http::{HeaderValue, Method, StatusCode, header};
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;
use tollgate_protocol::video::inline::{Extractor, Out};
use tollgate_protocol::video::{Asset, Place, Role, Send};

/// Longest wait for the head of a file.
const HEAD: Duration = Duration::from_secs(60);
/// Longest wait for the next bytes of one.
const IDLE: Duration = Duration::from_secs(60);
/// Redirects that are followed, each checked like a first address.
const MAX_HOPS: usize = 3;
/// Tries before a file that the vendor no longer has is given up, and the time after which any is.
const GONE: u32 = 5;
const MOST: u32 = 100;
const GIVE_UP: i64 = 6 * 3_600_000;
/// Bytes that are gathered before they are written.
const LOT: usize = 256 * 1024;

/// Files that stood in an answer, by their numbers.
pub(super) struct InlineFiles(Vec<Option<Incoming>>);

impl InlineFiles {
    pub(super) fn none() -> Self {
        Self(Vec::new())
    }
}

/// Why a file is not here.
enum Miss {
    /// The vendor does not have it any more.
    Gone(String),
    /// It may come another time.
    Failed(String),
}

impl Tasks {
    /// Fetches what is not here yet, and ends the task when all is.
    pub(super) async fn fetch(self: &Arc<Self>, mut task: Task, line: &Line) {
        let Some(made) = task.made.clone() else { return };
        for asset in &made.assets {
            if task.file(asset.role, asset.index).is_some() {
                continue;
            }
            match self.fetch_one(&task, line, asset, &made).await {
                Ok(kept) => task.files.push(kept),
                // Only the videos themselves are what was ordered.
                Err(Miss::Gone(why) | Miss::Failed(why)) if asset.role != Role::Video => {
                    tracing::info!(task = %task.id, role = asset.role.name(), why, "a small file was not fetched");
                }
                Err(miss) => return self.missed(task, line, miss).await,
            }
        }
        crash::point("fetched");
        task.row.answer = made.answer.map(String::into_bytes);
        let filtered = u32::try_from(task.row.filtered).unwrap_or(0);
        self.finish(&mut task, TaskState::Succeeded, None, filtered, false).await;
    }

    async fn missed(self: &Arc<Self>, mut task: Task, line: &Line, miss: Miss) {
        let (why, gone) = match miss {
            Miss::Gone(why) => (why, true),
            Miss::Failed(why) => (why, false),
        };
        tracing::warn!(task = %task.id, provider = line.to.provider(), why, "a result could not be fetched");
        let tries = self.with(task.id, |live| {
            live.pace.fetches += 1;
            live.pace.gone = if gone { live.pace.gone + 1 } else { 0 };
            (live.pace.fetches, live.pace.gone)
        });
        let (fetches, missing) = tries.unwrap_or_default();
        let late = now_ms().saturating_sub(task.row.updated_at) > GIVE_UP;
        if missing >= GONE || fetches >= MOST || late {
            // Nothing was delivered, so nothing is charged; the vendor's bill is the operator's loss.
            let error =
                ("result_lost".into(), "The video was made, and could not be fetched from the provider.".into());
            return self.finish(&mut task, TaskState::Failed, Some(error), 0, false).await;
        }
        if gone {
            // A new look may give a new link.
            task.made = None;
            task.archive = ArchiveState::None;
            self.with(task.id, |live| live.task.clone_from(&task));
        }
        // What is gone does not come back for waiting: only a new look may give another link.
        let wait = Duration::from_secs(if gone { 1 } else { 2_u64.saturating_pow(fetches.min(8)) });
        let wait = if task.is_test() { wait.min(Duration::from_secs(1)) } else { wait };
        self.agenda.put(task.id, tokio::time::Instant::now() + wait);
    }

    async fn fetch_one(&self, task: &Task, line: &Line, asset: &Asset, made: &Made) -> Result<Kept, Miss> {
        let failed = |error: std::io::Error| Miss::Failed(error.to_string());
        let reply = match &asset.place {
            Place::Path(path) => {
                let reply = self.send(line, Send::get(path.clone()), &Lines::default(), HEAD).await;
                reply.map_err(|error| Miss::Failed(format!("{error:?}")))?
            }
            Place::Link(link) => self.follow(line, link).await?,
            Place::Inline(_) => return Err(Miss::Gone("it stood in an answer that is gone".into())),
        };
        let status = reply.status;
        if status != StatusCode::OK {
            skip(reply.body).await;
            let why = format!("status {}", status.as_u16());
            return Err(match status.as_u16() {
                401 | 403 | 404 | 410 => Miss::Gone(why),
                _ => Miss::Failed(why),
            });
        }
        let told = reply.headers.text(&header::CONTENT_TYPE).unwrap_or_default().to_owned();
        let Some((content_type, ending)) = allowed(asset.role, &told) else {
            skip(reply.body).await;
            return Err(Miss::Failed(format!("its content type is {told}")));
        };
        let file = format!("{}-{}.{ending}", asset.role.name(), asset.index);
        let mut incoming = self.archive.begin(&task.group(), &file).await.map_err(failed)?;
        let length = reply.body.length();
        copy(reply.body, &mut incoming).await.map_err(Miss::Failed)?;
        if incoming.is_empty() || length.is_some_and(|length| length != incoming.len()) {
            return Err(Miss::Failed("it did not come whole".into()));
        }
        let stored = incoming.finish().await.map_err(failed)?;
        let milliseconds = if is_video(asset.role) { made.milliseconds } else { 0 };
        let (role, index) = (asset.role, asset.index);
        Ok(Kept { role, index, content_type: content_type.to_owned(), milliseconds, stored })
    }

    /// Follows a vendor's link. The account's proof goes only to the vendor's own host, plain HTTP only there.
    async fn follow(&self, line: &Line, link: &str) -> Result<Reply, Miss> {
        let mut link = link.to_owned();
        for _ in 0..MAX_HOPS {
            if let Some(rest) = link.strip_prefix("gs://") {
                link = format!("https://storage.googleapis.com/{rest}");
            }
            let url = StrangersUrl::read(&link).map_err(|error| Miss::Failed(format!("its link {error}")))?;
            let reply = self.open_link(line, &url).await?;
            if !reply.status.is_redirection() {
                return Ok(reply);
            }
            let to = reply.headers.text(&header::LOCATION).unwrap_or_default().to_owned();
            skip(reply.body).await;
            if !to.contains("://") {
                return Err(Miss::Failed("it is redirected nowhere".into()));
            }
            link = to;
        }
        Err(Miss::Failed("it is redirected too often".into()))
    }

    async fn open_link(&self, line: &Line, url: &StrangersUrl) -> Result<Reply, Miss> {
        let failed = |why: String| Miss::Failed(why);
        let super::Destination::Account { deployment, .. } = &line.to else {
            let call = plain(url);
            let reply = tokio::time::timeout(HEAD, self.sandbox.call(call)).await;
            return reply.map_err(|_| failed("no answer in time".into()))?.map_err(|error| failed(error.to_string()));
        };
        let own = url.is_at(&deployment.provider.base);
        let google = line.vendor.place().is_some() && url.host() == "storage.googleapis.com";
        let mut call = plain(url);
        // Links of Ark and Kling are signed; Google's want the key.
        let proves = google || (own && matches!(line.vendor, super::Vendor::Gemini | super::Vendor::Vertex { .. }));
        if proves {
            let proof = self.proof(line).await.map_err(failed)?;
            call.headers.push(proof.name.clone(), proof.value.clone());
        }
        let work = async {
            if own {
                self.network.call(&deployment.origin, call).await
            } else {
                self.network.call_stranger(url, call, &[]).await
            }
        };
        let reply = tokio::time::timeout(HEAD, work).await;
        reply.map_err(|_| failed("no answer in time".into()))?.map_err(|error| failed(error.to_string()))
    }

    /// Reads an answer whose files stand in it: they go to the archive as they come, the rest is given.
    pub(super) async fn take_inline(&self, task: &Task, mut source: Source) -> Result<(Bytes, InlineFiles), String> {
        let mut extractor = Extractor::new(MAX_ANSWER);
        let mut files: Vec<Option<Incoming>> = Vec::new();
        let group = task.group();
        loop {
            let mut lots: Vec<(usize, Vec<u8>)> = Vec::new();
            let mut broken = None;
            let read = poll_fn(|cx| {
                source.poll_read(cx, &mut |piece: Piece<'_>| {
                    let result =
                        extractor.push(piece.as_slice(), &mut |Out::File(number, bytes)| match lots.last_mut() {
                            Some((last, lot)) if *last == number => lot.extend_from_slice(bytes),
                            _ => lots.push((number, bytes.to_vec())),
                        });
                    broken = broken.or(result.err());
                })
            });
            let more = tokio::time::timeout(IDLE, read).await.map_err(|_| "the answer stopped".to_owned())?;
            if let Some(broken) = broken {
                return Err(format!("the answer cannot be read: {broken:?}"));
            }
            for (number, lot) in lots {
                if files.len() <= number {
                    files.resize_with(number + 1, || None);
                }
                let Some(slot) = files.get_mut(number) else { continue };
                if slot.is_none() {
                    let name = format!("{}-{number}.mp4", Role::Video.name());
                    *slot = Some(self.archive.begin(&group, &name).await.map_err(|error| error.to_string())?);
                }
                if let Some(incoming) = slot {
                    incoming.write(&lot).await.map_err(|error| error.to_string())?;
                }
            }
            if !more.map_err(|error| error.to_string())? {
                return Ok((extractor.finish().into(), InlineFiles(files)));
            }
        }
    }

    /// Keeps the files that stood in an answer.
    pub(super) async fn keep_inline(
        &self,
        task: &mut Task,
        assets: &[Asset],
        files: InlineFiles,
        milliseconds: u64,
    ) -> std::io::Result<()> {
        let mut files = files.0;
        task.files.clear();
        for asset in assets {
            let Place::Inline(number) = asset.place else { continue };
            let incoming = files.get_mut(number).and_then(Option::take).ok_or(std::io::ErrorKind::NotFound)?;
            let stored = incoming.finish().await?;
            let (role, index) = (asset.role, asset.index);
            task.files.push(Kept { role, index, content_type: "video/mp4".into(), milliseconds, stored });
        }
        Ok(())
    }
}

fn plain(url: &StrangersUrl) -> Call {
    let mut headers = Lines::default();
    headers.push(header::ACCEPT, HeaderValue::from_static("*/*"));
    headers.push(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    Call { method: Method::GET, path: url.path().to_owned(), headers, body: CallBody::Whole(Bytes::new()) }
}

async fn copy(mut source: Source, incoming: &mut Incoming) -> Result<(), String> {
    let mut lot = BytesMut::with_capacity(LOT);
    loop {
        let read = poll_fn(|cx| source.poll_read(cx, &mut |piece: Piece<'_>| lot.extend_from_slice(piece.as_slice())));
        let more = tokio::time::timeout(IDLE, read).await.map_err(|_| "it stopped".to_owned())?;
        let more = more.map_err(|error| error.to_string())?;
        if lot.len() >= LOT || !more {
            incoming.write(&lot).await.map_err(|error| error.to_string())?;
            lot.clear();
        }
        if !more {
            return Ok(());
        }
    }
}

fn is_video(role: Role) -> bool {
    matches!(role, Role::Video | Role::Watermarked)
}

/// The content types that a file of a role may have, and the ending of its name. Anything else is an error page.
fn allowed(role: Role, told: &str) -> Option<(&'static str, &'static str)> {
    const VIDEOS: [(&str, &str); 3] = [("video/mp4", "mp4"), ("video/quicktime", "mov"), ("video/webm", "webm")];
    const PICTURES: [(&str, &str); 3] = [("image/png", "png"), ("image/jpeg", "jpg"), ("image/webp", "webp")];
    let told = told.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let list = if is_video(role) { VIDEOS } else { PICTURES };
    // Stores that were not told a type say this.
    let vague = matches!(told.as_str(), "" | "application/octet-stream" | "binary/octet-stream");
    list.into_iter().find(|(kind, _)| *kind == told).or(vague.then_some(list[0]))
}
