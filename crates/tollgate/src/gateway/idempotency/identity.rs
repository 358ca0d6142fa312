//! When two requests are the same: the digest of what one says.
//!
//! A JSON body is its bytes. A form is its parts: client libraries draw a new boundary for every try, so what lies
//! between the boundaries is digested, part by part, and the boundary is not.

use crate::gateway::work::Work;
use crate::replay::Digest;
use aws_lc_rs::digest::{Context, SHA256};
use bytes::{Buf, BytesMut};

/// Where results are kept: a name for (project, kind of key, route, `Idempotency-Key`). Says nothing of the key's text.
pub(super) fn name(project: &str, mode: &str, route: &str, key: &str) -> Digest {
    let mut context = Context::new(&SHA256);
    for part in [project, mode, route, key] {
        add(&mut context, part.as_bytes());
    }
    finish(context)
}

/// What a JSON request is.
pub(super) fn json(work: &Work, body: &[u8]) -> Digest {
    let mut context = Context::new(&SHA256);
    begin(work, &mut context);
    context.update(body);
    finish(context)
}

/// What a form is, found out while it passes.
pub(super) struct FormIdentity {
    /// CRLF, two dashes and the boundary; empty for a body that is no form, which is taken as it is.
    delimiter: Vec<u8>,
    /// What may be the start of a delimiter.
    pending: BytesMut,
    part: Context,
    whole: Context,
}

impl FormIdentity {
    pub(super) fn new(work: &Work, boundary: Option<&str>) -> Self {
        let mut whole = Context::new(&SHA256);
        begin(work, &mut whole);
        Self {
            delimiter: boundary.map(|boundary| [b"\r\n--", boundary.as_bytes()].concat()).unwrap_or_default(),
            // The first boundary may stand at the very start, without its CRLF.
            pending: BytesMut::from(&b"\r\n"[..]),
            part: Context::new(&SHA256),
            whole,
        }
    }

    /// Reads the next piece of the body.
    pub(super) fn push(&mut self, piece: &[u8]) {
        if self.delimiter.is_empty() {
            self.part.update(piece);
            return;
        }
        self.pending.extend_from_slice(piece);
        while let Some(at) = memchr::memmem::find(&self.pending, &self.delimiter) {
            self.part.update(self.pending.get(..at).unwrap_or_default());
            self.pending.advance(at + self.delimiter.len());
            self.close_part();
        }
        let sure = self.pending.len().saturating_sub(self.delimiter.len() - 1);
        self.part.update(self.pending.get(..sure).unwrap_or_default());
        self.pending.advance(sure);
    }

    /// The body is complete.
    pub(super) fn finish(mut self) -> Digest {
        self.part.update(&self.pending);
        self.close_part();
        finish(self.whole)
    }

    fn close_part(&mut self) {
        let part = std::mem::replace(&mut self.part, Context::new(&SHA256));
        self.whole.update(&finish(part));
    }
}

/// The route, and what else of the path says which request it is.
fn begin(work: &Work, context: &mut Context) {
    add(context, work.name().as_bytes());
    let (subject, form) = work.subject();
    if !subject.is_empty() {
        add(context, subject.as_bytes());
        context.update(&form);
    }
}

/// A text with its length, so that no two lists of texts run together to the same.
fn add(context: &mut Context, text: &[u8]) {
    context.update(&(text.len() as u64).to_le_bytes());
    context.update(text);
}

fn finish(context: Context) -> Digest {
    let mut digest = Digest::default();
    for (to, from) in digest.iter_mut().zip(context.finish().as_ref()) {
        *to = *from;
    }
    digest
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;
    use crate::gateway::Asked;
    use proptest::prelude::*;
    use std::collections::HashSet;

    fn form(boundary: &str, parts: &[(String, Vec<u8>)]) -> Vec<u8> {
        let mut out = Vec::new();
        for (name, content) in parts {
            let head = format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
            out.extend_from_slice(&[head.as_bytes(), content, b"\r\n"].concat());
        }
        out.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
        out
    }

    fn asked(path: &str) -> Work {
        Asked::of(path, None).unwrap().into()
    }

    fn identity(boundary: Option<&str>, pieces: &[&[u8]]) -> Digest {
        let mut identity = FormIdentity::new(&asked("/v1/audio/transcriptions"), boundary);
        for piece in pieces {
            identity.push(piece);
        }
        identity.finish()
    }

    proptest! {
        #[test]
        fn a_form_is_its_parts_however_it_is_cut(
            parts in prop::collection::vec(("[a-z]{1,5}", prop::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'-'), any::<u8>()], 0..100)), 0..4),
            boundary in "[A-Z]{8,30}",
            cut in any::<prop::sample::Index>(),
            size in 1_usize..20,
        ) {
            let other = boundary.to_lowercase() + "x";
            let contents: Vec<&Vec<u8>> = parts.iter().map(|(_, content)| content).collect();
            prop_assume!(contents.iter().all(|c| [&boundary, &other].iter().all(|b| memchr::memmem::find(c, b.as_bytes()).is_none())));
            let (one, two) = (form(&boundary, &parts), form(&other, &parts));
            let pieces: Vec<&[u8]> = two.chunks(size).collect();
            prop_assert_eq!(identity(Some(&boundary), &[&one]), identity(Some(&other), &pieces));
            // Any other content is another request.
            let mut changed = parts.clone();
            changed.push(("z".into(), vec![]));
            prop_assert_ne!(identity(Some(&boundary), &[&one]), identity(Some(&boundary), &[&form(&boundary, &changed)]));
            if !parts.is_empty() {
                let mut changed = parts.clone();
                changed[cut.index(parts.len())].1.push(b'y');
                prop_assert_ne!(identity(Some(&boundary), &[&one]), identity(Some(&boundary), &[&form(&boundary, &changed)]));
            }
        }
    }

    #[test]
    fn different_things_have_different_names() {
        let names: HashSet<Digest> = [
            name("p", "live", "a", "k"),
            name("p", "test", "a", "k"),
            name("q", "live", "a", "k"),
            name("p", "live", "b", "k"),
            name("p", "live", "a", "l"),
            name("pl", "ive", "a", "k"),
            json(&asked("/v1/chat/completions"), b"{}"),
            json(&asked("/v1/embeddings"), b"{}"),
            json(&asked("/v1/chat/completions"), b"{ }"),
            identity(None, &[b"{}"]),
            identity(Some("X"), &[b"{}"]),
        ]
        .into();
        assert_eq!(names.len(), 11);
    }
}
