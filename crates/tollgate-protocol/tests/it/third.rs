//! No third outcome: a field of a request either arrives or is named among the losses, or the request is refused.

use crate::samples::{NUMBER, Sample, WORD, samples};
use crate::schema::Spec;
use serde_json::{Value, json};
use tollgate_protocol::canonical::{Capabilities, Losses, Request};
use tollgate_protocol::codec::{InPath, Protocol, Target};
use tollgate_protocol::fault::Fault;

/// The protocols that are spoken, the names of their descriptions, and a request that any server takes.
fn spoken() -> Vec<(Protocol, &'static str, Value)> {
    vec![(Protocol::Chat, "openai-chat", json!({"model": "m", "messages": [{"role": "user", "content": "Hello"}]}))]
}

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
    let arrived = target.read_request(&written, &path, &mut Losses::default());
    Ok(Outcome { losses, read, arrived: arrived.unwrap_or_else(|fault| panic!("{fault} in {check}")) })
}

/// Says what is wrong with the outcome, if anything is.
fn judge(from: Protocol, to: Protocol, sample: &Sample) -> Result<&'static str, String> {
    let with = match cross(from, to, &sample.with) {
        Ok(with) => with,
        Err(fault) if fault.status() == 400 && fault.param.is_some() => return Ok("refused"),
        Err(fault) => return Err(format!("refused in the wrong way: {fault:?}")),
    };
    let Ok(without) = cross(from, to, &sample.without) else { return Ok("incomparable") };
    if with.losses != without.losses || is_named(&with.losses, &sample.path) {
        return Ok("named");
    }
    // Told under another name: what a call was chosen by before there were tools, and results without a call.
    let newer = [
        ("function_call", "tool_choice"),
        ("messages[].tool_call_id", "messages[].tool_calls"),
        ("messages[].name", "messages[].tool_calls"),
    ];
    if newer.iter().any(|(old, new)| sample.path.starts_with(old) && with.losses.names(new)) {
        return Ok("named otherwise");
    }
    // What a protocol takes for granted, said aloud.
    if sample.with.get("modalities") == Some(&json!(["text"])) {
        return Ok("the default");
    }
    // The target has its own model, and how an answer tells its usage is no part of what a vendor is asked.
    if matches!(&*sample.path, "model" | "stream_options.include_usage") {
        return Ok("answered by the gateway");
    }
    if with.read == without.read {
        return Err("the reader overlooks it".to_owned());
    }
    if with.arrived == without.arrived {
        return Err("the writer drops it in silence".to_owned());
    }
    let (sent, told) = (sample.with.to_string(), format!("{:?}", with.arrived));
    let number = NUMBER.to_string();
    for mark in [WORD, &number] {
        if sent.contains(mark) && !sample.without.to_string().contains(mark) && !told.contains(mark) {
            return Err(format!("its value does not arrive: {told}"));
        }
    }
    Ok("arrived")
}

/// Whether the field at that place, or one that it is part of, is among the losses.
fn is_named(losses: &Losses, path: &str) -> bool {
    let ends = path.match_indices(['.', '[']).map(|(at, _)| at).chain([path.len()]);
    ends.filter_map(|end| path.get(..end)).any(|whole| losses.names(whole))
}

#[test]
fn every_field_arrives_or_is_named() {
    let spoken = spoken();
    for (from, name, seed) in &spoken {
        let Some(spec) = Spec::of(name) else { return };
        let (root, schema) = spec.request();
        let all: Vec<Sample> = samples(root, schema).into_iter().map(|sample| onto(seed, sample)).collect();
        assert!(all.len() > 100, "{name}: {} samples", all.len());
        for (to, ..) in &spoken {
            let (mut wrong, mut counts) = (Vec::new(), std::collections::BTreeMap::new());
            for sample in &all {
                match judge(*from, *to, sample) {
                    Ok(outcome) => *counts.entry(outcome).or_insert(0) += 1,
                    Err(error) => wrong.push(format!("{}: {error}\n  {}", sample.path, sample.with)),
                }
            }
            println!("{from:?} to {to:?}: {} samples, {counts:?}", all.len());
            assert!(wrong.is_empty(), "{from:?} to {to:?}: {} wrong\n{}", wrong.len(), wrong.join("\n"));
        }
    }
}

/// A sample on top of a request that is complete.
fn onto(seed: &Value, sample: Sample) -> Sample {
    let top = sample.path.split(['.', '[']).next().unwrap().to_owned();
    let put = |value: &Value| {
        let mut body = seed.clone();
        match value.get(&top) {
            Some(member) => body[&top] = member.clone(),
            // Without it, unless no server takes it so.
            None => {
                let _ = body.as_object_mut().and_then(|body| body.remove(&top));
            }
        }
        body
    };
    Sample { with: put(&sample.with), without: put(&sample.without), path: sample.path }
}
