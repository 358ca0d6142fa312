//! Names that one protocol gives and another does not take.

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

/// Letters, digits, `_` and `-`.
pub fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kept_or_made_alike() {
        assert_eq!(fitting("call_1", 40, is_word, "call_"), "call_1");
        let made = fitting("call:1/é", 40, is_word, "call_");
        assert_eq!(made, fitting("call:1/é", 40, is_word, "call_"));
        assert_ne!(made, fitting("call:2/é", 40, is_word, "call_"));
        assert!(made.len() == 37 && made.bytes().all(is_word));
        assert!(fitting("", 40, is_word, "call_").starts_with("call_"));
    }
}
