//! A vendor's proof or state in the hands of a caller of another protocol.
//!
//! Where the caller's protocol has a slot for opaque state of its own vendor, a foreign seal travels in it under a
//! name that says whose it is, so that clients which hand everything back hand it back too. Owns that form: `tg1.`,
//! the protocol's name, a dot, and the seal as its vendor wrote it.

use super::part::Seal;
use crate::codec::Protocol;

/// What every packed seal begins with: ours, form 1.
const PREFIX: &str = "tg1.";

impl Seal {
    /// The seal as it stands in a slot of another protocol.
    pub fn pack(&self) -> String {
        format!("{PREFIX}{}.{}", self.owner.name(), self.data)
    }

    /// The seal in a slot of protocol `slot`: another's, if it was packed; else that protocol's own.
    pub fn unpack(slot: Protocol, text: &str) -> Self {
        let packed = text.strip_prefix(PREFIX).and_then(|rest| rest.split_once('.')).and_then(|(name, data)| {
            let owner = Protocol::ALL.into_iter().find(|protocol| protocol.name() == name)?;
            Some(Self { owner, data: data.to_owned() })
        });
        packed.unwrap_or_else(|| Self { owner: slot, data: text.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        for owner in Protocol::ALL {
            let seal = Seal { owner, data: "a.b=/+".to_owned() };
            assert_eq!(Seal::unpack(Protocol::Messages, &seal.pack()), seal);
        }
        for own in ["EqQB", "tg1.EqQB", "tg1.nobody.x", ""] {
            assert_eq!(Seal::unpack(Protocol::Messages, own), Seal { owner: Protocol::Messages, data: own.to_owned() });
        }
    }
}
