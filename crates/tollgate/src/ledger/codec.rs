//! Entries as bytes, for the journal and for the database: numbers of variable length, texts with their length.
//!
//! ```text
//! journal: version, id, time, series, charge, detail     database: charges and details apart, see `block.rs`
//! ```
//!
//! Reading trusts nothing: bytes that are not an entry give `None`.

use super::entry::{Basis, Book, Detail, Entry, FailedAttempt, Flags, RequestId, Series};
use crate::outcome::Outcome;
use tollgate_protocol::usage::{ServiceTier, Usage};
use tollgate_protocol::video::kind::VideoKind;

const VERSION: u8 = 1;
/// Most failed attempts of one entry; far above what a request may make.
const MAX_FAILED: u64 = 64;
/// The bits before the counters from which on the kind of video stands; 18 to 19 are free for counters to come.
const VIDEO: usize = 20;

/// Appends what stands before an entry's charge: `head` is what [`write_series`] wrote.
pub(super) fn write_place(id: RequestId, admitted_at: i64, head: &[u8], out: &mut Vec<u8>) {
    out.push(VERSION);
    out.extend_from_slice(&id.bytes());
    number(admitted_at.unsigned_abs(), out);
    out.extend_from_slice(head);
}

/// Appends an entry's charge.
pub(super) fn write_charge(entry: &Entry, out: &mut Vec<u8>) {
    number(entry.amount.unsigned_abs(), out);
    number(entry.cost.unsigned_abs(), out);
    out.push(entry.basis as u8);
    number(u64::from(entry.flags.0), out);
    number(u64::from(entry.status), out);
    out.push(entry.outcome.place());
    write_usage(&entry.usage, out);
}

/// An entry's charge as it was read.
pub(super) struct Charge {
    pub(super) amount: i64,
    pub(super) cost: i64,
    pub(super) basis: Basis,
    pub(super) flags: Flags,
    pub(super) status: u16,
    pub(super) outcome: Outcome,
    pub(super) usage: Usage,
}

/// Reads what [`write_charge`] wrote.
pub(super) fn read_charge(rest: &mut Reader<'_>) -> Option<Charge> {
    Some(Charge {
        amount: rest.signed()?,
        cost: rest.signed()?,
        basis: *Basis::ALL.get(usize::from(rest.byte()?))?,
        flags: Flags(u32::try_from(rest.number()?).ok()?),
        status: u16::try_from(rest.number()?).ok()?,
        outcome: *Outcome::ALL.get(usize::from(rest.byte()?))?,
        usage: usage(rest)?,
    })
}

/// Reads an entry of the journal; `None` for anything else.
pub(super) fn read_entry(bytes: &[u8]) -> Option<Entry> {
    let mut rest = Reader(bytes);
    if rest.byte()? != VERSION {
        return None;
    }
    let id = rest.id()?;
    let admitted_at = rest.signed()?;
    let series = read_series(&mut rest)?;
    let charge = read_charge(&mut rest)?;
    let detail = detail(&mut rest)?;
    rest.0.is_empty().then(|| charge.entry(id, admitted_at, series, detail))
}

impl Charge {
    /// The entry that it is the charge of.
    pub(super) fn entry(self, id: RequestId, admitted_at: i64, series: Series, detail: Detail) -> Entry {
        let Self { amount, cost, basis, flags, status, outcome, usage } = self;
        Entry { id, admitted_at, series, amount, cost, basis, flags, usage, status, outcome, detail }
    }
}

/// Appends a series.
pub(super) fn write_series(series: &Series, out: &mut Vec<u8>) {
    out.push(u8::from(series.book == Book::Test));
    for part in [
        &series.key_id,
        &series.project_id,
        &series.endpoint,
        &series.model,
        &series.provider,
        &series.provider_kind,
        &series.upstream_model,
        &series.price_version,
    ] {
        text(part, out);
    }
}

fn read_series(rest: &mut Reader<'_>) -> Option<Series> {
    Some(Series {
        book: match rest.byte()? {
            0 => Book::Live,
            1 => Book::Test,
            _ => return None,
        },
        key_id: rest.text()?.into(),
        project_id: rest.text()?.into(),
        endpoint: rest.text()?.into(),
        model: rest.text()?.into(),
        provider: rest.text()?.into(),
        provider_kind: rest.text()?.into(),
        upstream_model: rest.text()?.into(),
        price_version: rest.text()?.into(),
    })
}

/// Appends usage: a bit for each counter that is not 0, then those counters.
pub fn write_usage(usage: &Usage, out: &mut Vec<u8>) {
    let counts = usage.counts();
    let mut present = u64::from(usage.suspect) | (usage.tier as u64) << 1;
    let mut bit = 1 << 4;
    for count in &counts {
        if *count > 0 {
            present |= bit;
        }
        bit <<= 1;
    }
    present |= u64::from(usage.video.code()) << VIDEO;
    number(present, out);
    for count in counts {
        if count > 0 {
            number(count, out);
        }
    }
}

/// Reads what [`write_usage`] wrote; `None` for anything else.
pub fn read_usage(bytes: &[u8]) -> Option<Usage> {
    let mut rest = Reader(bytes);
    let usage = usage(&mut rest)?;
    rest.0.is_empty().then_some(usage)
}

fn usage(rest: &mut Reader<'_>) -> Option<Usage> {
    let present = rest.number()?;
    let mut usage = Usage {
        suspect: present & 1 == 1,
        tier: *ServiceTier::ALL.get(usize::try_from(present >> 1 & 7).ok()?)?,
        video: VideoKind::from_code(u16::try_from(present >> VIDEO).ok()?)?,
        ..Usage::default()
    };
    let slots = [
        &mut usage.input_tokens,
        &mut usage.cache_read_tokens,
        &mut usage.cache_write_5m_tokens,
        &mut usage.cache_write_1h_tokens,
        &mut usage.output_tokens,
        &mut usage.reasoning_tokens,
        &mut usage.audio_input_tokens,
        &mut usage.audio_output_tokens,
        &mut usage.image_input_tokens,
        &mut usage.image_output_tokens,
        &mut usage.audio_milliseconds,
        &mut usage.video_milliseconds,
        &mut usage.images,
        &mut usage.tool_calls,
    ];
    if present >> (slots.len() + 4) & ((1 << (VIDEO - 4 - slots.len())) - 1) != 0 {
        return None;
    }
    for (bit, slot) in slots.into_iter().enumerate() {
        if present >> (bit + 4) & 1 == 1 {
            *slot = rest.number()?;
        }
    }
    Some(usage)
}

/// Appends the request log's part.
pub(super) fn write_detail(detail: &Detail, out: &mut Vec<u8>) {
    out.push(u8::from(detail.stream));
    number(detail.total_us, out);
    number(detail.first_byte_us.map_or(0, |us| us.saturating_add(1)), out);
    detail.stages_us.into_iter().for_each(|us| number(us, out));
    number(u64::from(detail.attempts), out);
    for part in [&detail.error, &detail.upstream_id, &detail.translation] {
        text(part.as_deref().unwrap_or_default(), out);
    }
    number(detail.failed.len() as u64, out);
    for attempt in &detail.failed {
        text(&attempt.provider, out);
        text(&attempt.model, out);
        text(&attempt.code, out);
        number(attempt.took_us, out);
        number(attempt.cost.unsigned_abs(), out);
    }
}

/// Reads what [`write_detail`] wrote.
pub(super) fn detail(rest: &mut Reader<'_>) -> Option<Detail> {
    let mut detail = Detail {
        stream: match rest.byte()? {
            0 => false,
            1 => true,
            _ => return None,
        },
        total_us: rest.number()?,
        first_byte_us: rest.number()?.checked_sub(1),
        stages_us: [rest.number()?, rest.number()?, rest.number()?],
        attempts: u32::try_from(rest.number()?).ok()?,
        error: some(rest.filled()?),
        upstream_id: some(rest.filled()?),
        translation: some(rest.filled()?),
        failed: Vec::new(),
    };
    let failed = rest.number()?;
    if failed > MAX_FAILED {
        return None;
    }
    for _ in 0..failed {
        detail.failed.push(FailedAttempt {
            provider: rest.text()?.into(),
            model: rest.text()?.into(),
            code: rest.text()?.to_owned(),
            took_us: rest.number()?,
            cost: rest.signed()?,
        });
    }
    Some(detail)
}

/// Seven bits a byte, the lowest first.
pub(super) fn number(mut n: u64, out: &mut Vec<u8>) {
    while n >= 0x80 {
        out.push((n & 0x7f) as u8 | 0x80);
        n >>= 7;
    }
    out.push((n & 0x7f) as u8);
}

fn text(text: &str, out: &mut Vec<u8>) {
    number(text.len() as u64, out);
    out.extend_from_slice(text.as_bytes());
}

fn some(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

/// Bytes that are being read.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn id(&mut self) -> Option<RequestId> {
        Some(RequestId(u128::from_be_bytes(self.take(16)?.try_into().ok()?)))
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    pub(super) fn number(&mut self) -> Option<u64> {
        let mut n = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let part = u64::from(byte & 0x7f);
            if shift == 63 && part > 1 {
                return None;
            }
            n |= part << shift;
            if byte & 0x80 == 0 {
                return Some(n);
            }
        }
        None
    }

    fn signed(&mut self) -> Option<i64> {
        i64::try_from(self.number()?).ok()
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = usize::try_from(self.number()?).ok()?;
        std::str::from_utf8(self.take(length)?).ok()
    }

    /// A text that stands for none if it is empty.
    fn filled(&mut self) -> Option<String> {
        self.text().map(str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::sync::Arc;

    fn entry(numbers: [u64; 20], texts: &[String], choice: usize) -> Entry {
        let text = |at: usize| texts.get(at % texts.len().max(1)).cloned().unwrap_or_default();
        let share = |at: usize| Arc::<str>::from(text(at));
        let n = |at: usize| numbers[at];
        let money = |nano: u64| i64::try_from(nano >> 1).unwrap_or(0);
        Entry {
            id: RequestId(u128::from(n(0)) << 64 | u128::from(n(1))),
            admitted_at: money(n(2)),
            series: Series {
                book: if choice.is_multiple_of(2) { Book::Live } else { Book::Test },
                key_id: share(0),
                project_id: share(1),
                endpoint: share(2),
                model: share(3),
                provider: share(4),
                provider_kind: share(5),
                upstream_model: share(6),
                price_version: share(7),
            },
            amount: money(n(3)),
            cost: money(n(4)),
            basis: Basis::ALL[choice % Basis::ALL.len()],
            flags: Flags(u32::try_from(n(5) >> 32).unwrap_or(0)),
            usage: Usage {
                input_tokens: n(6),
                cache_read_tokens: n(7),
                cache_write_5m_tokens: n(8),
                cache_write_1h_tokens: n(9),
                output_tokens: n(10),
                reasoning_tokens: n(11),
                audio_input_tokens: n(12),
                audio_output_tokens: n(13),
                image_input_tokens: n(14),
                image_output_tokens: n(15),
                audio_milliseconds: n(16),
                video_milliseconds: n(17),
                images: n(18),
                tool_calls: n(19),
                tier: ServiceTier::ALL[choice % ServiceTier::ALL.len()],
                video: VideoKind::from_code(u16::try_from(choice % 9).unwrap_or(0)).unwrap_or_default(),
                suspect: choice.is_multiple_of(3),
            },
            status: u16::try_from(choice % 600).unwrap_or(0),
            outcome: Outcome::ALL[choice % Outcome::ALL.len()],
            detail: Detail {
                stream: choice.is_multiple_of(2),
                total_us: n(6),
                first_byte_us: choice.is_multiple_of(5).then_some(n(7) >> 1),
                stages_us: [n(8), n(9), n(10)],
                attempts: 3,
                error: Some(text(8)).filter(|text| !text.is_empty()),
                upstream_id: None,
                translation: Some(text(9)).filter(|text| !text.is_empty()),
                failed: vec![
                    FailedAttempt {
                        provider: share(1),
                        model: share(2),
                        code: text(3),
                        took_us: n(11),
                        cost: money(n(12)),
                    };
                    choice % 4
                ],
            },
        }
    }

    proptest! {
        #[test]
        fn comes_back_as_it_was(numbers: [u64; 20], texts in prop::collection::vec(".{0,40}", 1..10), choice in 0_usize..1000) {
            let entry = entry(numbers, &texts, choice);
            let (mut head, mut bytes) = (Vec::new(), Vec::new());
            write_series(&entry.series, &mut head);
            write_place(entry.id, entry.admitted_at, &head, &mut bytes);
            write_charge(&entry, &mut bytes);
            write_detail(&entry.detail, &mut bytes);
            prop_assert_eq!(read_entry(&bytes), Some(entry));
            for cut in 0..bytes.len() {
                prop_assert_eq!(read_entry(&bytes[..cut]), None);
            }
            bytes.push(0);
            prop_assert_eq!(read_entry(&bytes), None);
        }

        #[test]
        fn never_panics(bytes: Vec<u8>) {
            let _ = read_entry(&bytes);
            let mut versioned = vec![VERSION];
            versioned.extend_from_slice(&bytes);
            let _ = (read_entry(&versioned), read_charge(&mut Reader(&bytes)).is_some(), detail(&mut Reader(&bytes)));
        }
    }
}
