//! Reads `models.tsv`.
//!
//! Owns the table's form. A line that cannot be read is left out rather than stopping the gateway; a test sees to
//! it that there is none.

use std::num::{NonZeroU32, ParseIntError};

use super::{Entry, Mode};
use crate::config::Kind;

/// The table as embedded.
pub(super) const TEXT: &str = include_str!("models.tsv");

/// Every sound line, sorted for look-up.
pub(super) fn read(text: &'static str) -> Vec<Entry> {
    let mut entries: Vec<Entry> = lines(text).filter_map(entry).collect();
    entries.sort_by(|a, b| (a.model, a.kind).cmp(&(b.model, b.kind)));
    entries
}

fn lines(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}

fn entry(line: &'static str) -> Option<Entry> {
    let mut cells = line.split('\t');
    let entry = Entry {
        kind: Kind::from_name(cells.next()?)?,
        model: cells.next()?,
        modes: cells.next()?.split(',').map(mode).collect::<Option<_>>()?,
        context_window: tokens(cells.next()?).ok()?,
        max_input_tokens: tokens(cells.next()?).ok()?,
        max_output_tokens: tokens(cells.next()?).ok()?,
        retires: Some(cells.next()?).filter(|cell| *cell != "-"),
        reasons: match cells.next()? {
            "reasoning" => true,
            "-" => false,
            _ => return None,
        },
    };
    cells.next().is_none().then_some(entry)
}

fn mode(word: &str) -> Option<Mode> {
    Mode::ALL.into_iter().find(|mode| mode.name() == word)
}

/// `None` for `-`, which stands for unknown.
fn tokens(cell: &str) -> Result<Option<u32>, ParseIntError> {
    if cell == "-" {
        return Ok(None);
    }
    cell.parse::<NonZeroU32>().map(|count| Some(count.get()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::{all, find};
    use crate::config::is_model_name;

    #[test]
    fn every_line_is_sound() {
        for line in lines(TEXT) {
            let entry = entry(line).unwrap_or_else(|| panic!("{line}"));
            assert!(is_model_name(entry.model), "{line}");
            let day = |day: &str| day.len() == 10 && day.bytes().all(|b| b.is_ascii_digit() || b == b'-');
            assert!(entry.retires.is_none_or(day), "{line}");
        }
        assert_eq!(lines(TEXT).count(), all().len());
        assert!(all().len() > 300);
    }

    #[test]
    fn no_kind_has_a_model_twice() {
        for pair in all().windows(2) {
            if let [a, b] = pair {
                assert!((a.model, a.kind) < (b.model, b.kind), "{}", a.model);
            }
        }
    }

    #[test]
    fn known_models_are_found() {
        let kinds = |model| find(model).iter().map(|entry| entry.kind).collect::<Vec<_>>();
        assert_eq!(kinds("gpt-5-mini"), [Kind::OpenAi]);
        assert_eq!(kinds("gemini-2.5-flash"), [Kind::Gemini, Kind::Vertex]);
        assert_eq!(kinds("kling-v2-6"), [Kind::Kling]);
        assert_eq!(kinds("doubao-seedance-2-0-260128"), [Kind::Ark]);
        assert_eq!(kinds("deepseek-flash"), [Kind::DeepSeek]);
        assert!(kinds("gpt-5-min").is_empty());
        assert!(find("gpt-5-pro").iter().all(Entry::needs_responses));
        assert!(!find("gpt-5").iter().any(Entry::needs_responses));
        assert!(!find("gpt-realtime").iter().any(Entry::is_served));
    }
}
