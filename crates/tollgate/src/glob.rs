//! Globs: patterns of names, as keys and the catalogue have them.

/// Longest glob, in bytes. It bounds the work of one match: at most this many steps for each byte of a name.
pub const MAX_GLOB: usize = 128;

/// Whether a glob matches a whole name: `*` is any run of characters, `?` any one, all else itself.
///
/// Falls back to the last `*` only, so the work is at most `glob × name` bytes: linear in the name, as globs have
/// at most [`MAX_GLOB`] bytes.
pub fn matches(glob: &str, name: &str) -> bool {
    let (glob, name) = (glob.as_bytes(), name.as_bytes());
    let (mut g, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match glob.get(g) {
            Some(b'*') => {
                star = Some((g, n));
                g += 1;
                continue;
            }
            Some(b'?') => {
                g += 1;
                n = next_character(name, n);
                continue;
            }
            Some(byte) if *byte == name[n] => {
                g += 1;
                n += 1;
                continue;
            }
            _ => {}
        }
        let Some((at, from)) = star else { return false };
        let from = next_character(name, from);
        star = Some((at, from));
        g = at + 1;
        n = from;
    }
    glob.iter().skip(g).all(|byte| *byte == b'*')
}

/// The start of the character after the one at `at`: UTF-8 continuation bytes are `10xx_xxxx`.
fn next_character(name: &[u8], at: usize) -> usize {
    let mut next = at + 1;
    while name.get(next).is_some_and(|byte| byte & 0xc0 == 0x80) {
        next += 1;
    }
    next
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn globs() {
        for (glob, name, expected) in [
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("gpt-*", "gpt-5", true),
            ("gpt-*", "GPT-5", false),
            ("gpt-?", "gpt-5", true),
            ("gpt-?", "gpt-", false),
            ("?", "é", true),
            ("*é?", "aéb", true),
            ("*/gpt-*-mini", "openai/gpt-5-mini", true),
            ("*-mini", "gpt-mini-5", false),
            ("a*b*c", "a-b-b-c", true),
            ("a**c", "ac", true),
            ("[ab]", "a", false),
        ] {
            assert_eq!(matches(glob, name), expected, "{glob} {name}");
        }
    }

    #[test]
    fn a_hostile_glob_is_cheap() {
        let glob = "*a".repeat(MAX_GLOB / 2);
        let name = "a".repeat(100_000) + "b";
        let start = std::time::Instant::now();
        assert!(!matches(&glob, &name));
        assert!(start.elapsed().as_secs() < 2);
    }

    /// The definition, exponential and obvious.
    fn plainly(glob: &[char], name: &[char]) -> bool {
        match (glob.split_first(), name.split_first()) {
            (None, None) => true,
            (Some(('*', rest)), _) => {
                plainly(rest, name) || name.split_first().is_some_and(|(_, tail)| plainly(glob, tail))
            }
            (Some(('?', rest)), Some((_, tail))) => plainly(rest, tail),
            (Some((a, rest)), Some((b, tail))) if a == b => plainly(rest, tail),
            _ => false,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn agrees_with_the_definition(glob in "[ab*?é]{0,7}", name in "[abé]{0,9}") {
            let split = |text: &str| text.chars().collect::<Vec<_>>();
            prop_assert_eq!(matches(&glob, &name), plainly(&split(&glob), &split(&name)));
        }
    }
}
