//! A record as bytes: CRC-32C of what follows it, length of the payload, payload; both numbers 32 bits, little-endian.
//!
//! The check covers the length too, so that a changed length never passes for a shorter record. A length of 0 is the
//! end: files are made of zeros.

/// Bytes before the payload.
pub(super) const HEAD: usize = 8;

/// Bytes that a payload takes.
pub(super) fn size(payload: &[u8]) -> usize {
    HEAD + payload.len()
}

/// Appends a record.
pub(super) fn write(payload: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&u32::try_from(payload.len()).unwrap_or(0).to_le_bytes());
    out.extend_from_slice(payload);
    let check = crc32c::crc32c(&out[start + 4..]);
    out[start..start + 4].copy_from_slice(&check.to_le_bytes());
}

/// What a record's head says: the check and the length. `None` at the end of the journal, and for a length that no
/// record has.
pub(super) fn head(bytes: [u8; HEAD]) -> Option<(u32, usize)> {
    let [c0, c1, c2, c3, l0, l1, l2, l3] = bytes;
    let length = usize::try_from(u32::from_le_bytes([l0, l1, l2, l3])).ok()?;
    (1..=super::MAX_RECORD).contains(&length).then_some((u32::from_le_bytes([c0, c1, c2, c3]), length))
}

/// Whether a payload is the one that its head was written for.
pub(super) fn holds(head: [u8; HEAD], check: u32, payload: &[u8]) -> bool {
    crc32c::crc32c_append(crc32c::crc32c(&head[4..]), payload) == check
}
