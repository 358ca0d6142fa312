//! Links to results that need no key: signed, and good for a while.

use super::state::{Dialect, TaskId};
use super::task::{Kept, Task};
use aws_lc_rs::hmac;
use std::fmt::Write as _;

/// Where they are.
pub const PATH: &str = "/v1/results/";
/// Links are the same for an hour, so that a client's cache is of use.
const HOUR: i64 = 3_600;
/// Bytes of the signature that are written.
const SIGNATURE: usize = 16;

/// Signs links, and knows its own again. The key is the installation's.
#[derive(Clone)]
pub struct Links(hmac::Key);

impl Links {
    /// With a secret of the installation.
    pub fn new(secret: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// The link to a file, good until `expires` (unix seconds).
    pub fn sign(&self, base: &str, group: &str, file: &str, expires: i64) -> String {
        let signature = self.signature(group, file, expires);
        format!("{base}{PATH}{group}/{file}?expires={expires}&signature={signature}")
    }

    /// The link to a task's file, good for about so many seconds, and no longer than the file is kept.
    pub fn to(&self, base: &str, task: &Task, file: &Kept, good_for: i64, now_s: i64) -> String {
        let latest = task.row.expires_at.unwrap_or(i64::MAX) / 1_000;
        let expires = ((now_s + good_for) / HOUR * HOUR).min(latest);
        let name = file.stored.name.rsplit('/').next().unwrap_or_default();
        self.sign(base, &task.group(), name, expires)
    }

    /// What a link leads to: the task and the name of its file, if the gateway has signed it and it is still good.
    pub fn read<'p>(&self, path: &'p str, query: Option<&str>, now_s: i64) -> Option<(TaskId, &'p str)> {
        let (group, file) = path.strip_prefix(PATH)?.split_once('/')?;
        let id = Dialect::Veo.read_id(group)?;
        let parameter = |name: &str| {
            let mut all = query?.split('&').filter_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
            all.next()
        };
        let (expires, told) = (parameter("expires")?, parameter("signature")?);
        let expires: i64 = expires.parse().ok()?;
        let message = message(group, file, expires);
        let mut tag = [0; 32];
        // Compared in constant time by the library, on the part that is written.
        let whole = hmac::sign(&self.0, message.as_bytes());
        tag.copy_from_slice(whole.as_ref());
        let own = hex(tag.get(..SIGNATURE)?);
        let same = aws_lc_rs::constant_time::verify_slices_are_equal(own.as_bytes(), told.as_bytes()).is_ok();
        (same && now_s <= expires).then_some((id, file))
    }

    fn signature(&self, group: &str, file: &str, expires: i64) -> String {
        let tag = hmac::sign(&self.0, message(group, file, expires).as_bytes());
        hex(tag.as_ref().get(..SIGNATURE).unwrap_or_default())
    }
}

fn message(group: &str, file: &str, expires: i64) -> String {
    format!("result\n{group}\n{file}\n{expires}")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;

    #[test]
    fn only_own_links_are_good_and_not_for_ever() {
        let links = Links::new(b"secret");
        let id = TaskId::new(1_795_000_000_000).unwrap();
        let group = Dialect::Veo.write_id(id);
        let link = links.sign("http://h", &group, "video-0.mp4", 100);
        let (path, query) = link.strip_prefix("http://h").unwrap().split_once('?').unwrap();
        assert_eq!(links.read(path, Some(query), 100), Some((id, "video-0.mp4")));
        assert_eq!(links.read(path, Some(query), 101), None);
        assert_eq!(links.read(path, Some(&query.replace("100", "999")), 100), None);
        assert_eq!(links.read(&path.replace("video-0", "video-1"), Some(query), 100), None);
        assert_eq!(links.read(path, None, 100), None);
        assert_eq!(Links::new(b"other").read(path, Some(query), 100), None);
    }
}
