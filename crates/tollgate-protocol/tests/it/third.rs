//! No third outcome: a field of a request either arrives or is named among the losses, or the request is refused.

use crate::samples::{NUMBER, Sample, WORD, samples};
use crate::schema::Spec;
use crate::spoken::{Spoken, spoken};
use serde_json::Value;
use tollgate_protocol::canonical::{Capabilities, Losses, Request};
use tollgate_protocol::codec::{InPath, Protocol, Target};
use tollgate_protocol::fault::Fault;

/// What became of a request at one target.
struct Outcome {
    /// The reader's losses and the writer's.
    losses: Losses,
    read: Request,
    /// What the target understands.
    arrived: Request,
}

fn cross(from: Protocol, to: Protocol, body: &Value) -> Result<Outcome, Fault> {
    let (source, target) = (from.codec(), to.codec());
    let path = InPath { model: Some("m".into()), ..InPath::default() };
    let mut losses = Losses::default();
    let read = source.read_request(&serde_json::to_vec(body).unwrap(), &path, &mut losses)?;
    let accepts = Capabilities::default();
    let aim = Target { model: "m", accepts: &accepts, strict: false };
    let written = target.write_request(&read, &aim, source, &mut losses)?;
    let check: Value = serde_json::from_slice(&written).unwrap();
    assert!(check.is_object());
    // Where the path says it, the gateway writes it there.
    let path = InPath { stream: read.stream, ..path };
    let arrived = target.read_request(&written, &path, &mut Losses::default());
    Ok(Outcome { losses, read, arrived: arrived.unwrap_or_else(|fault| panic!("{fault} in {check}")) })
}

/// Says what is wrong with the outcome, if anything is.
fn judge(spoken: &Spoken, to: Protocol, sample: &Sample) -> Result<&'static str, String> {
    let from = spoken.protocol;
    let with = match cross(from, to, &sample.with) {
        Ok(with) => with,
        Err(fault) if fault.status() == 400 && fault.param.is_some() => return Ok("refused"),
        Err(fault) => return Err(format!("refused in the wrong way: {fault:?}")),
    };
    let Ok(without) = cross(from, to, &sample.without) else { return Ok("incomparable") };
    if with.losses != without.losses || with.losses.iter().any(|(field, _)| covers(field, &sample.path)) {
        return Ok("named");
    }
    let said = sample.with.to_string();
    if spoken.usual.iter().any(|(end, value)| sample.path.ends_with(end) && said.contains(value)) {
        return Ok("usual");
    }
    if with.read == without.read {
        return Err("the reader overlooks it".to_owned());
    }
    if from != to && spoken.state.iter().any(|end| sample.path.ends_with(end)) {
        return Ok("state");
    }
    if with.arrived == without.arrived {
        return Err("the writer drops it in silence".to_owned());
    }
    let told = format!("{:?}", with.arrived);
    let number = NUMBER.to_string();
    for mark in [WORD, &number] {
        if said.contains(mark) && !sample.without.to_string().contains(mark) && !told.contains(mark) {
            return Err(format!("its value does not arrive: {told}"));
        }
    }
    Ok("arrived")
}

/// Whether a loss that is named tells of a property too: it is the property, or a part of the way to it.
fn covers(field: &str, path: &str) -> bool {
    path.match_indices(field).any(|(at, _)| {
        let (before, after) = (&path[..at], &path[at + field.len()..]);
        (before.is_empty() || before.ends_with('.')) && (after.is_empty() || after.starts_with(['.', '[']))
    })
}

#[test]
fn every_field_arrives_or_is_named() {
    let spoken = spoken();
    let mut wrong = Vec::new();
    for from in &spoken {
        let Some(spec) = Spec::of(from.spec) else { return };
        let (root, schema) = spec.request();
        // The model is the gateway's to choose.
        let made = samples(root, schema).into_iter().filter(|sample| sample.path != "model");
        let all: Vec<Sample> = made.map(|sample| onto(from, sample)).collect();
        assert!(all.len() > 100, "{}: {} samples", from.spec, all.len());
        for to in &spoken {
            let mut counts = std::collections::BTreeMap::new();
            for sample in &all {
                match judge(from, to.protocol, sample) {
                    Ok(outcome) => *counts.entry(outcome).or_insert(0) += 1,
                    Err(error) => {
                        *counts.entry("wrong").or_insert(0) += 1;
                        let pair = format!("{:?} to {:?}", from.protocol, to.protocol);
                        wrong.push(format!("{pair}: {}: {error}\n  {}", sample.path, sample.with));
                    }
                }
            }
            println!("{:?} to {:?}: {} samples, {counts:?}", from.protocol, to.protocol, all.len());
        }
    }
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
}

/// A sample on top of a request that is complete.
fn onto(spoken: &Spoken, sample: Sample) -> Sample {
    let top = sample.path.split(['.', '[']).next().unwrap().to_owned();
    let put = |value: &Value| {
        let mut body = spoken.seed.clone();
        match value.get(&top) {
            Some(member) => body[&top] = member.clone(),
            // Without it, unless no server takes it so.
            None => {
                let _ = body.as_object_mut().and_then(|body| body.remove(&top));
            }
        }
        (spoken.complete)(&mut body);
        body
    };
    Sample { with: put(&sample.with), without: put(&sample.without), path: sample.path }
}
