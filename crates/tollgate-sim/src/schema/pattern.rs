//! A text that matches a simple regular expression: literals, classes, groups, alternatives and counts.
//!
//! Always takes the first alternative and the smallest count that shows something. Anything else (look-around, back
//! references, unicode classes) gives none, and the caller makes a text without the pattern.

use crate::content::Rng;

const LONGEST: usize = 1_000;

pub(super) fn text(pattern: &str, rng: &mut Rng) -> Option<String> {
    let pattern: Vec<char> = pattern.chars().collect();
    let mut reader = Reader { pattern: &pattern, at: 0, rng, depth: 0 };
    let text = reader.alternatives()?;
    reader.peek().is_none().then_some(text)
}

struct Reader<'a> {
    pattern: &'a [char],
    at: usize,
    rng: &'a mut Rng,
    depth: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<char> {
        self.pattern.get(self.at).copied()
    }

    fn take(&mut self) -> Option<char> {
        let char = self.peek()?;
        self.at += 1;
        Some(char)
    }

    fn skip(&mut self, char: char) -> bool {
        let found = self.peek() == Some(char);
        self.at += usize::from(found);
        found
    }

    /// Up to the end or a closing bracket; only the first alternative is kept.
    fn alternatives(&mut self) -> Option<String> {
        self.depth += 1;
        if self.depth > 16 {
            return None;
        }
        let first = self.sequence()?;
        while self.skip('|') {
            self.sequence()?;
        }
        self.depth -= 1;
        Some(first)
    }

    fn sequence(&mut self) -> Option<String> {
        let mut text = String::new();
        while let Some(char) = self.peek().filter(|char| *char != '|' && *char != ')') {
            if char == '^' || char == '$' {
                self.at += 1;
                continue;
            }
            let start = self.at;
            let one = self.atom()?;
            let end = self.at;
            let count = self.count()?;
            let after = self.at;
            if count > 0 {
                text.push_str(&one);
            }
            // Read again for each repetition, so that classes vary.
            for _ in 1..count {
                self.at = start;
                text.push_str(&self.atom()?);
                self.at = end;
                if text.len() > LONGEST {
                    return None;
                }
            }
            self.at = after;
        }
        Some(text)
    }

    fn atom(&mut self) -> Option<String> {
        match self.take()? {
            '(' => {
                if self.skip('?') && !self.skip(':') {
                    return None;
                }
                let text = self.alternatives()?;
                self.skip(')').then_some(text)
            }
            '[' => self.class().map(String::from),
            '\\' => self.escaped().map(String::from),
            '.' => Some("a".to_owned()),
            '*' | '+' | '?' | '{' => None,
            char => Some(char.to_string()),
        }
    }

    fn escaped(&mut self) -> Option<char> {
        match self.take()? {
            'd' => self.digit(),
            'w' => Some('a'),
            's' => Some(' '),
            'n' => Some('\n'),
            't' => Some('\t'),
            char if char.is_alphanumeric() => None,
            char => Some(char),
        }
    }

    fn digit(&mut self) -> Option<char> {
        // Not 0: a number that begins with it is refused by many a pattern's neighbours.
        char::from_digit(u32::try_from(1 + self.rng.below(9)).ok()?, 10)
    }

    /// One character of a class. The sets of a class are few; the range is chosen first, then the character.
    fn class(&mut self) -> Option<char> {
        let negated = self.skip('^');
        let mut ranges: Vec<(char, char)> = Vec::new();
        loop {
            let first = match self.take()? {
                ']' => break,
                '\\' if self.peek() == Some('d') => {
                    self.at += 1;
                    ranges.push(('0', '9'));
                    continue;
                }
                '\\' if self.peek() == Some('w') => {
                    self.at += 1;
                    ranges.push(('a', 'z'));
                    continue;
                }
                '\\' => self.escaped()?,
                char => char,
            };
            let is_range = self.peek() == Some('-') && self.pattern.get(self.at + 1).is_some_and(|next| *next != ']');
            let last = if is_range {
                self.at += 1;
                self.take()?
            } else {
                first
            };
            ranges.push((first, last));
        }
        if negated {
            return ('a'..='z')
                .chain('0'..='9')
                .find(|char| !ranges.iter().any(|(from, to)| from <= char && char <= to));
        }
        let (from, to) = *self.rng.pick(&ranges)?;
        let width = u64::from(u32::from(to).checked_sub(u32::from(from))?) + 1;
        char::from_u32(u32::from(from) + u32::try_from(self.rng.below(width)).ok()?)
    }

    fn count(&mut self) -> Option<usize> {
        let count = match self.peek() {
            Some('?' | '*' | '+') => {
                self.at += 1;
                1
            }
            Some('{') => {
                self.at += 1;
                let mut least = String::new();
                while let Some(digit) = self.peek().filter(char::is_ascii_digit) {
                    least.push(digit);
                    self.at += 1;
                }
                while self.take()? != '}' {}
                least.parse().ok().filter(|count| *count <= LONGEST)?
            }
            _ => return Some(1),
        };
        self.skip('?');
        Some(count)
    }
}
