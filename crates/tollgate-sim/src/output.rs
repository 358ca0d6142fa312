//! Words: believable text and given text, cut into chunks of whole tokens, within the caller's limits.
//!
//! Holds a sentence at a time, so that an output of any length costs nothing to keep. Says the same for the same seed.

use std::borrow::Cow;

use crate::content::{Rng, split_token};

/// The longest part of a user's message that an answer quotes, in characters.
const QUOTE: usize = 80;
/// With `stop` sequences the text is written out to look for them; they are not looked for beyond this many tokens.
const STOP_SEARCH: u64 = 65_536;

/// What kind of sentences a text is made of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Style {
    /// Plain English, ASCII apart from what the user wrote.
    #[default]
    Plain,
    /// Several scripts and emoji, two to four bytes a character, some of several code points.
    Emoji,
}

impl Style {
    fn sentences(self) -> &'static [&'static str] {
        match self {
            Self::Plain => PLAIN,
            Self::Emoji => EMOJI,
        }
    }
}

const PLAIN: &[&str] = &[
    "Here is a short answer from the simulator, written the same way every time.",
    "The first thing to look at is the shape of the problem, because the rest follows from it.",
    "In most cases a small example says more than a long explanation.",
    "It helps to start with what is already known and to add one step at a time.",
    "There are two common ways to do this, and both of them work well in practice.",
    "The trade-off is between doing it quickly and being able to change it later.",
    "If the numbers look wrong, check the units first and the arithmetic second.",
    "A good next step would be to try it on a single case and compare the results.",
    "Keep in mind that details may differ from one situation to another.",
    "Nothing in this text was thought of by a model, so please do not rely on it.",
    "The order of the steps matters less than finishing each of them.",
    "When in doubt, the simpler of the two options is usually the better one.",
    "That covers the main points; the rest is a matter of taste.",
    "You could also write it down as a list and go through it from top to bottom.",
    "Most people find that the second attempt takes half as long as the first.",
    "Let me know which part you would like to see in more detail.",
];

const EMOJI: &[&str] = &[
    "Ça marche très bien — naïve façades, piñatas & crème brûlée! 🎉",
    "Привет, мир! Всё работает как надо. 🚀",
    "你好，世界。这是一个测试。",
    "こんにちは、世界！今日はいい天気ですね。☀️",
    "👩‍💻 writes code, 👨‍👩‍👧‍👦 goes for a walk, and 🏳️‍🌈 waves.",
    "مرحبا بالعالم، هذا نص تجريبي.",
    "Καλημέρα κόσμε, 𝔲𝔫𝔦𝔠𝔬𝔡𝔢 is fun: 𐍈 𝄞 🂡.",
    "Zażółć gęślą jaźń 🇵🇱 and smørrebrød på øen 🇩🇰.",
];

/// A text as a sequence of one-token pieces that, put together, are the text.
#[derive(Debug, Clone)]
pub(crate) struct Pieces {
    current: Cow<'static, str>,
    at: usize,
    more: Option<More>,
}

/// Where the next sentences come from.
#[derive(Debug, Clone)]
struct More {
    rng: Rng,
    from: &'static [&'static str],
    /// How many sentences are still to come; none: they never end.
    left: Option<u64>,
}

impl Pieces {
    /// A few sentences that begin with `lead`, or endless ones.
    fn speech(seed: u64, lead: String, style: Style, endless: bool) -> Self {
        let mut rng = Rng::new(seed);
        let left = (!endless).then(|| 3 + rng.below(3));
        Self { current: Cow::Owned(lead), at: 0, more: Some(More { rng, from: style.sentences(), left }) }
    }

    fn fixed(text: &str) -> Self {
        Self { current: Cow::Owned(text.trim_end().to_owned()), at: 0, more: None }
    }

    /// Appends the next piece to `out`; false at the end of the text.
    fn next(&mut self, out: &mut String) -> bool {
        loop {
            let rest = self.current.get(self.at..).unwrap_or_default();
            if let Some((piece, _)) = split_token(rest) {
                out.push_str(piece);
                self.at += piece.len();
                return true;
            }
            let Some(more) = &mut self.more else {
                return false;
            };
            if let Some(left) = &mut more.left {
                let Some(fewer) = left.checked_sub(1) else {
                    return false;
                };
                *left = fewer;
            }
            let Some(sentence) = more.rng.pick(more.from) else {
                return false;
            };
            self.current = Cow::Borrowed(sentence);
            if self.at > 0 {
                out.push(' ');
            }
            self.at = 0;
        }
    }
}

/// What an output is asked to be.
#[derive(Debug, Default)]
pub(crate) struct Limits<'a> {
    /// Exactly this many tokens; not for a fixed text.
    pub want: Option<u64>,
    /// The caller's cap.
    pub cap: Option<u64>,
    /// In this many chunks; as many chunks as tokens when absent.
    pub chunks: Option<u64>,
    pub stop: &'a [String],
}

/// One whole output, handed out in chunks. Holds a sentence at a time, not the text.
#[derive(Debug, Clone)]
pub(crate) struct Output {
    pieces: Pieces,
    /// Tokens in all, after every limit.
    pub tokens: u64,
    /// The cap cut it.
    pub capped: bool,
    /// The stop sequence that ended it, which is not part of it.
    pub stopped: Option<String>,
    chunks: u64,
    done: u64,
}

impl Output {
    /// Believable sentences about what the user said.
    pub(crate) fn speech(seed: u64, topic: &str, style: Style, limits: &Limits<'_>) -> Self {
        Self::limited(Pieces::speech(seed, lead(topic), style, limits.want.is_some()), limits.want, limits)
    }

    /// Believable sentences of somebody who thinks about what the user said.
    pub(crate) fn thought(seed: u64, topic: &str, style: Style, limits: &Limits<'_>) -> Self {
        Self::limited(Pieces::speech(seed, musing(topic), style, limits.want.is_some()), limits.want, limits)
    }

    /// A given text, such as the arguments of a tool call.
    pub(crate) fn fixed(text: &str, limits: &Limits<'_>) -> Self {
        Self::limited(Pieces::fixed(text), None, limits)
    }

    fn limited(mut pieces: Pieces, want: Option<u64>, limits: &Limits<'_>) -> Self {
        let mut tokens = want;
        let mut stopped = None;
        if limits.stop.iter().any(|stop| !stop.is_empty()) {
            let text = written(&pieces, want.unwrap_or(u64::MAX).min(STOP_SEARCH));
            let stops = limits.stop.iter().filter(|stop| !stop.is_empty());
            let found = stops.filter_map(|stop| Some((text.find(stop.as_str())?, stop))).min_by_key(|(at, _)| *at);
            if let Some((before, stop)) = found.and_then(|(at, stop)| Some((text.get(..at)?, stop))) {
                pieces = Pieces::fixed(before);
                tokens = None;
                stopped = Some(stop.clone());
            }
        }
        let natural = tokens.unwrap_or_else(|| counted(&pieces));
        let tokens = natural.min(limits.cap.unwrap_or(u64::MAX));
        let chunks = limits.chunks.unwrap_or(tokens).clamp(1, tokens.max(1));
        let capped = tokens < natural;
        Self { pieces, tokens, capped, stopped: stopped.filter(|_| !capped), chunks, done: 0 }
    }

    /// Appends the next chunk to `out` and says how many tokens it holds; none at the end.
    pub(crate) fn next(&mut self, out: &mut String) -> Option<u64> {
        if self.is_over() {
            return None;
        }
        // Both factors are at most ten million, so the products fit.
        let upto = |chunk: u64| (chunk * self.tokens).checked_div(self.chunks).unwrap_or(0);
        let size = upto(self.done + 1) - upto(self.done);
        for _ in 0..size {
            self.pieces.next(out);
        }
        self.done += 1;
        Some(size)
    }

    /// Nothing is left for [`Output::next`].
    pub(crate) fn is_over(&self) -> bool {
        self.tokens == 0 || self.done >= self.chunks
    }

    /// The whole text.
    pub(crate) fn text(&self) -> String {
        written(&self.pieces, self.tokens)
    }
}

fn written(pieces: &Pieces, tokens: u64) -> String {
    let mut pieces = pieces.clone();
    let mut text = String::new();
    let mut count = 0;
    while count < tokens && pieces.next(&mut text) {
        count += 1;
    }
    text
}

/// Counts a text that ends.
fn counted(pieces: &Pieces) -> u64 {
    let mut pieces = pieces.clone();
    let mut piece = String::new();
    let mut count = 0;
    while pieces.next(&mut piece) {
        piece.clear();
        count += 1;
    }
    count
}

fn lead(topic: &str) -> String {
    let topic = topic.trim();
    if topic.is_empty() {
        return "Hello!".to_owned();
    }
    format!("You asked about \"{}\".", quoted(topic))
}

fn musing(topic: &str) -> String {
    format!("The user says \"{}\".", quoted(topic.trim()))
}

fn quoted(topic: &str) -> String {
    let quoted: String = topic.chars().take(QUOTE).collect();
    let ellipsis = if quoted.len() < topic.len() { "..." } else { "" };
    format!("{}{ellipsis}", quoted.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::count_tokens;

    #[test]
    fn chunks_put_together_are_the_text_and_count_exactly() {
        for style in [Style::Plain, Style::Emoji] {
            for (want, cap, chunks) in
                [(None, None, None), (Some(500), None, Some(7)), (Some(40), Some(9), None), (Some(3), None, Some(50))]
            {
                let limits = Limits { want, cap, chunks, stop: &[] };
                let mut output = Output::speech(7, "a \"quoted\"\n topic ", style, &limits);
                let whole = output.text();
                let (mut text, mut tokens) = (String::new(), 0);
                while let Some(size) = output.next(&mut text) {
                    tokens += size;
                }
                assert_eq!(text, whole);
                assert_eq!(tokens, output.tokens);
                assert_eq!(count_tokens(&whole), tokens);
                if let Some(want) = want {
                    assert_eq!(tokens, want.min(cap.unwrap_or(want)));
                }
                assert_eq!(output.capped, cap.is_some());
            }
        }
    }

    #[test]
    fn a_stop_sequence_ends_the_text_before_itself() {
        let stop = ["simulator".to_owned(), "asked about".to_owned()];
        let output = Output::speech(1, "x", Style::Plain, &Limits { stop: &stop, ..Limits::default() });
        assert_eq!(output.text(), "You");
        assert!(!output.capped);
    }
}
