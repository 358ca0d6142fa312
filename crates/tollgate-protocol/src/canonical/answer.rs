//! A whole answer.

use super::loss::Losses;
use super::part::Part;
use crate::usage::Usage;

/// What a model answered.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Answer {
    /// The vendor's name of it.
    pub id: Option<String>,
    /// The model that answered, by the vendor's name.
    pub model: Option<String>,
    /// The alternatives; one, as a rule.
    pub candidates: Vec<Candidate>,
    /// What it used, where the vendor says so.
    pub usage: Option<Usage>,
    /// What of it the canonical form has no word for, by the vendor's names.
    pub losses: Losses,
}

/// One alternative.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Candidate {
    /// What it says, in order.
    pub parts: Vec<Part>,
    /// Why it ended.
    pub finish: Finish,
    /// How likely each token was, where asked for.
    pub logprobs: Option<Vec<TokenLogprob>>,
}

/// Why an answer ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Finish {
    /// All was said.
    #[default]
    Stop,
    /// A stop text came; which, where known.
    StopText(Option<String>),
    /// The cap on tokens, or the context, was reached.
    Length,
    /// Tools are to be called.
    ToolCalls,
    /// The vendor's filter stepped in.
    Filtered,
    /// The model will not do it; why, where said.
    Refused(Option<String>),
    /// The vendor interrupted its own work; the caller hands everything back to go on.
    Paused,
}

/// How likely a token was.
#[derive(Debug, Clone, PartialEq)]
pub struct TokenLogprob {
    /// Its text.
    pub token: String,
    /// Natural logarithm of its probability.
    pub logprob: f64,
    /// The likeliest at its place, likeliest first; their own alternatives are empty.
    pub top: Vec<TokenLogprob>,
}
