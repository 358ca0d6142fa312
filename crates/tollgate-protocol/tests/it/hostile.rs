//! Bodies and streams that nobody would write, into every reader: whatever comes, nothing panics.

use crate::crossing::{crossed, head_of, written};
use crate::fixtures::cases;
use crate::spoken::spoken;
use proptest::prelude::*;
use tollgate_protocol::canonical::{Capabilities, Losses, Request};
use tollgate_protocol::codec::{InPath, Protocol};

/// Takes bytes as a request, an answer, an error and a stream of one protocol, and carries on with what can be read.
fn take(protocol: Protocol, targets: &[Protocol], bytes: &[u8]) {
    let codec = protocol.codec();
    let path = InPath { model: Some("m".into()), ..InPath::default() };
    let accepts = Capabilities::default();
    let _ = codec.head(bytes, &path);
    if let Ok(request) = codec.read_request(bytes, &path, &mut Losses::default()) {
        for target in targets {
            let _ = written(*target, &request, &accepts, &mut Losses::default());
        }
    }
    codec.content_bytes(bytes);
    let refusal = codec.read_refusal(400, bytes, None);
    codec.write_fault(&refusal.fault, "req_1");
    if codec.check_answer(bytes).is_ok()
        && let Ok(answer) = codec.read_answer(bytes)
    {
        for target in targets {
            target.codec().write_answer(&answer, &head_of("x"), &Request::default(), &mut Losses::default());
        }
    }
    let text = String::from_utf8_lossy(bytes);
    for target in targets {
        let _ = crossed(protocol, *target, &text, "x", &Request::default());
    }
}

/// Numbers that look random and are the same every time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides.max(1)
    }
}

/// The same bytes with something changed, cut off or said twice.
fn mutated(bytes: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut out = bytes.to_vec();
    for _ in 0..=dice.roll(3) {
        let (at, to) = (dice.roll(out.len()), dice.roll(out.len()));
        match dice.roll(5) {
            0 => out.truncate(at),
            1 if at < out.len() => out[at] = b"{}[]\",:nt0-\\\n\x00\xff"[dice.roll(15)],
            2 if at < to => {
                let again = out[at..to.min(at + 200)].to_vec();
                out.splice(at..at, again);
            }
            3 if at < to => {
                out.drain(at..to.min(at + 40));
            }
            _ if at.max(to) < out.len() => out.swap(at, to),
            _ => {}
        }
    }
    out
}

#[test]
fn real_traffic_gone_bad() {
    let all = spoken();
    let targets: Vec<Protocol> = all.iter().map(|spoken| spoken.protocol).collect();
    let mut dice = Dice(7);
    for spoken in &all {
        for case in cases(spoken.spec) {
            let bodies =
                [case.asked(), case.answer().map(<[u8]>::to_vec), case.stream().map(|s| s.as_bytes().to_vec())];
            for body in bodies.into_iter().flatten().filter(|body| body.len() < 8_000) {
                take(spoken.protocol, &targets, &mutated(&body, &mut dice));
            }
        }
    }
}

proptest! {
    #[test]
    fn anything_at_all(bytes in prop::collection::vec(any::<u8>(), 0..400), text in "[{}\\[\\]\",:a-z0-9\\\\ \n]{0,300}") {
        let targets: Vec<Protocol> = spoken().iter().map(|spoken| spoken.protocol).collect();
        for protocol in &targets {
            take(*protocol, &targets, &bytes);
            take(*protocol, &targets, text.as_bytes());
        }
    }
}
