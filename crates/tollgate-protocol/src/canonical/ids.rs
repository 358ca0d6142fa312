//! Names that one protocol gives and another does not take.

use super::request::Tool;

/// `id` itself if it is not empty, at most `most` bytes long and all of it `allowed`; else a name made of it, always
/// the same for the same `id`, so that a conversation told again names its calls alike. The made name is `prefix` and
/// 32 hexadecimal digits, which every protocol takes.
pub fn fitting(id: &str, most: usize, allowed: impl Fn(u8) -> bool, prefix: &str) -> String {
    if !id.is_empty() && id.len() <= most && id.bytes().all(allowed) {
        return id.to_owned();
    }
    let hash = id.bytes().fold(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d_u128, |hash, byte| {
        (hash ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b)
    });
    format!("{prefix}{hash:032x}")
}

/// What a name of a tool becomes where [`fitting`] has to make one.
pub const TOOL_PREFIX: &str = "tool_";

/// The caller's name of a tool that the vendor calls `name`: the tool of that name, else the one whose name [`fitting`]
/// has made into it, else the vendor's word.
pub fn callers_name<'a>(tools: &'a [Tool], name: &'a str) -> &'a str {
    let mut names = tools.iter().filter_map(Tool::name);
    if !name.starts_with(TOOL_PREFIX) || names.clone().any(|other| other == name) {
        return name;
    }
    names.find(|other| fitting(other, 0, is_word, TOOL_PREFIX) == name).unwrap_or(name)
}

/// Letters, digits, `_` and `-`.
pub fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canonical::ToolKind;

    #[test]
    fn kept_or_made_alike() {
        assert_eq!(fitting("call_1", 40, is_word, "call_"), "call_1");
        let made = fitting("call:1/é", 40, is_word, "call_");
        assert_eq!(made, fitting("call:1/é", 40, is_word, "call_"));
        assert_ne!(made, fitting("call:2/é", 40, is_word, "call_"));
        assert!(made.len() == 37 && made.bytes().all(is_word));
        assert!(fitting("", 40, is_word, "call_").starts_with("call_"));
    }

    #[test]
    fn the_caller_reads_its_own_names() {
        let tool = |name: &str| {
            let name = name.to_owned();
            Tool::new(ToolKind::Function { name, description: None, parameters: None, strict: None })
        };
        let tools = [tool("a.b"), tool("tool_x"), tool("a.c")];
        for name in ["a.b", "a.c", "tool_x", "unknown", "tool_unknown"] {
            assert_eq!(callers_name(&tools, &fitting(name, 64, is_word, TOOL_PREFIX)), name);
        }
    }
}
