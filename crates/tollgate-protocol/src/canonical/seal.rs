//! Seals in the slots of other protocols.
//!
//! Some protocols have a place for opaque state that clients hand back unread. There a seal of another protocol
//! travels under the name of its owner, `tg1.<protocol>.<data>`, and is taken out again when it comes back. A vendor
//! never sees one that is not its own.

use super::part::Seal;
use crate::codec::Protocol;

/// What stands before the owner's name; the digit is the version of the form.
const MARK: &str = "tg1.";
/// What stands in a slot where there is no seal: some clients take thoughts with an empty one for words, and hand them
/// back as words.
pub(crate) const UNSEALED: &str = "tg1.none.";

impl Seal {
    /// The seal as it travels in a slot of `slot`'s protocol: its own as it is, others under their owner's name.
    pub fn packed(&self, slot: Protocol) -> String {
        if self.owner == slot { self.data.clone() } else { format!("{MARK}{}.{}", self.owner.name(), self.data) }
    }

    /// Reads what stands in a slot of `slot`'s protocol.
    pub fn unpacked(text: &str, slot: Protocol) -> Self {
        let named = text.strip_prefix(MARK).and_then(|rest| rest.split_once('.'));
        let owned = named.and_then(|(name, data)| {
            let owner = Protocol::ALL.into_iter().find(|protocol| protocol.name() == name)?;
            Some(Self { owner, data: data.to_owned() })
        });
        owned.unwrap_or_else(|| Self { owner: slot, data: text.to_owned() })
    }

    /// Whether what stands in a slot is another protocol's seal, which its vendor must not see.
    pub fn is_packed(text: &str) -> bool {
        text.starts_with(MARK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        for owner in Protocol::ALL {
            let seal = Seal { owner, data: "a.b/c==".into() };
            for slot in Protocol::ALL {
                let packed = seal.packed(slot);
                assert_eq!(Seal::is_packed(&packed), slot != owner);
                assert_eq!(Seal::unpacked(&packed, slot), seal);
            }
        }
        let odd = Seal::unpacked("tg1.nobody.x", Protocol::Messages);
        assert_eq!((odd.owner, &*odd.data), (Protocol::Messages, "tg1.nobody.x"));
    }
}
