//! What of an item was made by the model.

use crate::generated::Generated;
use crate::json;

/// Counts an item that begins: a call by its name. Whether something was made, and whether it is an item that says
/// nothing yet (a message without words; any other kind says that the model is at work).
pub(super) fn added(all: &mut Generated, item: &[u8]) -> (bool, bool) {
    let (mut kind, mut name) = (None, None);
    let _ = json::members(item, |member| match member.key().as_ref() {
        b"type" => kind = Some(member.value),
        b"name" => name = Some(member.value),
        _ => {}
    });
    let made = all.piece(|all| {
        if let Some(name) = name {
            all.call(name);
        }
        false
    });
    (made, matches!(kind, None | Some(b"\"message\"")))
}

/// Counts a whole item: words, thoughts, arguments. Names of calls were counted when they began.
pub(super) fn item(all: &mut Generated, item: &[u8]) {
    all.piece(|all| {
        inside(all, item);
        false
    });
}

fn inside(all: &mut Generated, item: &[u8]) {
    let _ = json::members(item, |member| match member.key().as_ref() {
        b"arguments" | b"input" | b"code" => all.text(member.value),
        b"content" | b"summary" => {
            let _ = json::elements(member.value, |part| {
                let _ = json::members(part, |inner| {
                    if matches!(inner.key().as_ref(), b"text" | b"refusal") {
                        all.text(inner.value);
                    }
                });
            });
        }
        _ => {}
    });
}

/// What a whole answer holds that was made, for one that came without usage.
pub fn generated(body: &[u8]) -> Generated {
    let mut all = Generated::default();
    // An answer that is none holds nothing.
    let _ = json::object(body, |member| {
        if member.key().as_ref() == b"output" {
            let _ = json::elements(member.value, |one| {
                added(&mut all, one);
                item(&mut all, one);
            });
        }
    });
    all
}
