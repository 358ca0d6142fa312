//! `thoughtSignature`: the vendor's own proofs, and other protocols' in their place. The field holds bytes in base64,
//! and the official libraries decode it, so a packed seal goes in encoded.

use crate::canonical::Seal;
use crate::codec::Protocol;
use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Stands for a proof in histories that never had one (Google's documentation of thought signatures, 2026-11).
pub(super) const NEVER_HAD: &str = "skip_thought_signature_validator";

/// How a packed seal begins: `tg1` in base64, where the letters are the same in both of its alphabets. Libraries write
/// one for the other.
pub(super) const PACKED: &str = "dGcx";

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);

/// Reads a signature. One that only stands for a proof is none.
pub(super) fn read(text: &str) -> Option<Seal> {
    if text.is_empty() || text == NEVER_HAD {
        return None;
    }
    Some(packed(text).unwrap_or_else(|| Seal { owner: Protocol::GenerateContent, data: text.to_owned() }))
}

/// The seal of another protocol in this one's slot.
fn packed(text: &str) -> Option<Seal> {
    if !text.starts_with(PACKED) {
        return None;
    }
    let alphabet = if text.contains(['-', '_']) { &alphabet::URL_SAFE } else { &alphabet::STANDARD };
    let bytes = GeneralPurpose::new(alphabet, LENIENT).decode(text).ok()?;
    let seal = Seal::unpacked(std::str::from_utf8(&bytes).ok()?, Protocol::GenerateContent);
    (seal.owner != Protocol::GenerateContent).then_some(seal)
}

/// A seal as it stands in the field.
pub(super) fn write(seal: &Seal) -> String {
    if seal.owner == Protocol::GenerateContent {
        seal.data.clone()
    } else {
        STANDARD.encode(seal.packed(Protocol::GenerateContent))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back_through_libraries() {
        for owner in Protocol::ALL {
            let seal = Seal { owner, data: "EqQB+/8=é".to_owned() };
            let written = write(&seal);
            assert_eq!(read(&written), Some(seal.clone()));
            if owner != Protocol::GenerateContent {
                let url_safe = written.replace('+', "-").replace('/', "_");
                assert_eq!(read(url_safe.trim_end_matches('=')), Some(seal));
            }
        }
        for own in ["EpEgCo4g", "dGcx", "dGcxLg=="] {
            assert_eq!(read(own), Some(Seal { owner: Protocol::GenerateContent, data: own.to_owned() }), "{own}");
        }
        assert_eq!((read(""), read(NEVER_HAD)), (None, None));
    }
}
