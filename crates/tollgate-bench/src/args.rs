//! The command line: `--name value` pairs, and the one error type of the program.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::str::FromStr;

/// Why a command ended without doing its work.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The command line makes no sense.
    Usage(String),
    /// Something outside failed.
    Io(io::Error),
}

impl Failure {
    /// A mistake on the command line.
    pub(crate) fn usage(text: impl Into<String>) -> Self {
        Self::Usage(text.into())
    }

    /// Whether the usage text helps.
    pub(crate) fn is_usage(&self) -> bool {
        matches!(self, Self::Usage(_))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(text) => f.write_str(text),
            Self::Io(error) => error.fmt(f),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// The options that are still to be read.
#[derive(Debug, Default)]
pub(crate) struct Args {
    left: BTreeMap<String, String>,
}

impl Args {
    /// Reads `--name value` pairs.
    pub(crate) fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, Failure> {
        let mut left = BTreeMap::new();
        while let Some(word) = words.next() {
            let Some(name) = word.strip_prefix("--") else {
                return Err(Failure::usage(format!("{word:?} is not an option")));
            };
            let Some(value) = words.next() else {
                return Err(Failure::usage(format!("--{name} needs a value")));
            };
            if left.insert(name.to_owned(), value).is_some() {
                return Err(Failure::usage(format!("--{name} is given twice")));
            }
        }
        Ok(Self { left })
    }

    /// Takes an option, if it was given.
    pub(crate) fn take<T: FromStr>(&mut self, name: &str) -> Result<Option<T>, Failure> {
        let Some(text) = self.left.remove(name) else {
            return Ok(None);
        };
        text.parse().map(Some).map_err(|_| Failure::usage(format!("--{name} does not take {text:?}")))
    }

    /// Takes an option that must be there.
    pub(crate) fn need<T: FromStr>(&mut self, name: &str) -> Result<T, Failure> {
        self.take(name)?.ok_or_else(|| Failure::usage(format!("--{name} is missing")))
    }

    /// Ends the reading: an option that nobody took is a mistake.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        match self.left.into_keys().next() {
            None => Ok(()),
            Some(name) => Err(Failure::usage(format!("unknown option --{name}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Args;

    fn args(words: &[&str]) -> Result<Args, super::Failure> {
        Args::parse(words.iter().map(ToString::to_string))
    }

    #[test]
    fn pairs_are_taken_once() {
        let mut a = args(&["--secs", "3", "--rate", "2.5"]).unwrap();
        assert_eq!(a.take::<u64>("secs").unwrap(), Some(3));
        assert_eq!(a.take::<u64>("secs").unwrap(), None);
        assert!(a.finish().is_err(), "--rate was not taken");
    }

    #[test]
    fn mistakes_are_named() {
        assert!(args(&["secs"]).is_err());
        assert!(args(&["--secs"]).is_err());
        assert!(args(&["--secs", "1", "--secs", "2"]).is_err());
        assert!(args(&["--secs", "x"]).unwrap().take::<u64>("secs").is_err());
        assert!(args(&[]).unwrap().need::<u64>("secs").is_err());
    }
}
