//! A record as bytes: length, CRC-32C of the payload, payload; both numbers 32 bits, little-endian.

/// Bytes before the payload.
pub(super) const HEAD: usize = 8;

/// Bytes that a payload takes.
pub(super) fn size(payload: &[u8]) -> usize {
    HEAD + payload.len()
}

/// Appends a record.
pub(super) fn write(payload: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&u32::try_from(payload.len()).unwrap_or(0).to_le_bytes());
    out.extend_from_slice(&crc32c::crc32c(payload).to_le_bytes());
    out.extend_from_slice(payload);
}

/// The payload at the start of `bytes` and what follows it. `None` at the end of the journal: zeros, or anything
/// that was not written whole.
pub(super) fn read(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (check, rest) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    if length == 0 || length > super::MAX_RECORD {
        return None;
    }
    let (payload, rest) = rest.split_at_checked(length)?;
    (crc32c::crc32c(payload) == u32::from_le_bytes(*check)).then_some((payload, rest))
}
