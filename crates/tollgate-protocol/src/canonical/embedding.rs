//! Texts as vectors: what is asked for, and what comes back.
//!
//! Vectors stay text: of a megabyte of floats none is read, unless one side wants them as bytes in base64 and the other
//! as numbers.

use crate::fault::Fault;
use crate::json;
use crate::usage::Usage;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt::Write as _;

/// A request for vectors.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EmbedRequest {
    /// The model by the caller's name.
    pub model: String,
    /// The texts, each of which gets a vector.
    pub texts: Vec<String>,
    /// The caller gave one text and not a list, where its protocol tells them apart.
    pub single: bool,
    /// How many numbers a vector is to have.
    pub dimensions: Option<u64>,
    /// The caller wants bytes in base64 and not numbers.
    pub base64: bool,
    /// Who the caller's own user is, opaque.
    pub user: Option<String>,
}

/// Vectors, in the order of the texts.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Vectors {
    /// One for each text.
    pub vectors: Vec<Vector>,
    /// What was used, where the vendor says so.
    pub usage: Option<Usage>,
}

/// A vector as its vendor wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Vector {
    /// A JSON list of numbers.
    Numbers(String),
    /// Numbers of 32 bits, the lowest byte first, in base64.
    Base64(String),
}

impl Vector {
    /// As a JSON list of numbers.
    pub fn numbers(&self) -> Result<std::borrow::Cow<'_, str>, Fault> {
        let text = match self {
            Self::Numbers(list) => return Ok(list.into()),
            Self::Base64(text) => text,
        };
        let bytes = STANDARD.decode(text).map_err(|_| no_vector())?;
        let mut list = String::with_capacity(bytes.len() * 3);
        list.push('[');
        let (numbers, rest) = bytes.as_chunks::<4>();
        for (at, number) in numbers.iter().enumerate() {
            let number = f32::from_le_bytes(*number);
            if !number.is_finite() {
                return Err(no_vector());
            }
            let _ = write!(list, "{}{number}", if at > 0 { "," } else { "" });
        }
        list.push(']');
        if rest.is_empty() { Ok(list.into()) } else { Err(no_vector()) }
    }

    /// As bytes in base64.
    pub fn base64(&self) -> Result<std::borrow::Cow<'_, str>, Fault> {
        let list = match self {
            Self::Base64(text) => return Ok(text.into()),
            Self::Numbers(list) => list,
        };
        let (mut bytes, mut sound) = (Vec::with_capacity(list.len() / 2), true);
        let read = json::elements(list.as_bytes(), |number| {
            let number = std::str::from_utf8(number).ok().and_then(|text| text.parse::<f32>().ok());
            match number.filter(|number| number.is_finite()) {
                Some(number) => bytes.extend_from_slice(&number.to_le_bytes()),
                None => sound = false,
            }
        });
        if read.is_ok() && sound { Ok(STANDARD.encode(bytes).into()) } else { Err(no_vector()) }
    }
}

impl Vectors {
    /// There must be one for each text.
    pub fn complete(self, request: &EmbedRequest) -> Result<Self, Fault> {
        if self.vectors.len() == request.texts.len() { Ok(self) } else { Err(no_vector()) }
    }
}

fn no_vector() -> Fault {
    Fault::broken("upstream_invalid_answer", "The provider's answer does not hold the vectors that were asked for.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn both_forms() {
        let numbers = Vector::Numbers("[1.5, -0.004177954,0]".into());
        let bytes = numbers.base64().unwrap().into_owned();
        assert_eq!(bytes, "AADAPzjniLsAAAAA");
        assert_eq!(Vector::Base64(bytes).numbers().unwrap(), "[1.5,-0.004177954,0]");
        for bad in ["[1,\"x\"]", "[1e99]", "7", "[1"] {
            assert!(Vector::Numbers(bad.into()).base64().is_err(), "{bad}");
        }
        for bad in ["AADAPzg=", "AAA", "AADAfw==", "?"] {
            assert!(Vector::Base64(bad.into()).numbers().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_number_changes(numbers in prop::collection::vec(any::<f32>().prop_filter("finite", |n| n.is_finite()), 0..20)) {
            let list: Vec<_> = numbers.iter().map(f32::to_string).collect();
            let list = format!("[{}]", list.join(","));
            let there = Vector::Numbers(list.clone()).base64().unwrap().into_owned();
            let back = Vector::Base64(there);
            prop_assert_eq!(back.numbers().unwrap(), list);
        }
    }
}
