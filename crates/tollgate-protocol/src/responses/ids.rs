//! Ids that the gateway gives, and the replay rule that follows from them: no vendor may be sent an id that it did
//! not give. `OpenAI` answers 404 to such an item, 400 to one with the wrong prefix (issue threads, 2026-11).

/// What an id of a response begins with.
pub const RESPONSE: &str = "resp_";

/// The id of an item of an answer, made of the answer's own and the item's place in it.
pub(super) fn item(kind: &str, answer: &str, place: impl std::fmt::Display) -> String {
    format!("{}_tg{answer}_{place}", prefix(kind))
}

/// Whether the gateway gave an item its id.
pub fn is_ours(id: &str) -> bool {
    origin(id).is_some()
}

/// Of which answer an item is that the gateway gave its id: the answer's, without prefix.
pub fn origin(id: &str) -> Option<&str> {
    let (_, rest) = id.split_once("_tg")?;
    let (answer, place) = rest.rsplit_once('_')?;
    let plain = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (plain(answer) && plain(place)).then_some(answer)
}

/// The prefix of an item's id by its type.
fn prefix(kind: &str) -> &'static str {
    match kind {
        "message" => "msg",
        "function_call" => "fc",
        "function_call_output" => "fco",
        "custom_tool_call" => "ctc",
        "custom_tool_call_output" => "ctco",
        "reasoning" => "rs",
        "image_generation_call" => "ig",
        _ => "item",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ours_are_known() {
        let id = item("reasoning", "01J9ZK3Q5T7V9X1B3D5F7H9K2M", 3);
        assert_eq!((&*id, origin(&id)), ("rs_tg01J9ZK3Q5T7V9X1B3D5F7H9K2M_3", Some("01J9ZK3Q5T7V9X1B3D5F7H9K2M")));
        for other in
            ["", "rs_0e2800fd5f0ca7a60168c9ef3cb4308190b5165fa836f8862b", "msg_tmp_ym1zsqcli1m", "_tg__", "rs-a"]
        {
            assert!(!is_ours(other), "{other}");
        }
    }
}
