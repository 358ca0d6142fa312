//! No third outcome: a field of a request either arrives or is named among the losses, or the request is refused.

use crate::samples::{NUMBER, Sample, WORD, samples};
use crate::schema::Spec;
use serde_json::{Value, json};
use tollgate_protocol::canonical::{Capabilities, Losses, Request};
use tollgate_protocol::codec::{InPath, Protocol, Target};
use tollgate_protocol::fault::Fault;

/// The protocols that are spoken, the names of their descriptions, and a request that any server takes.
fn spoken() -> Vec<(Protocol, &'static str, Value)> {
    vec![
        (Protocol::Chat, "openai-chat", json!({"model": "m", "messages": [{"role": "user", "content": "Hello"}]})),
        (Protocol::Responses, "openai-responses", json!({"model": "m", "input": "Hello"})),
    ]
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
    if let Some(outcome) = aside(sample, &with.losses) {
        return Ok(outcome);
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

/// What need not arrive, and why.
fn aside(sample: &Sample, losses: &Losses) -> Option<&'static str> {
    // Told under another name: what a call was chosen by before there were tools, results without a call, an item's
    // inside under the name that its kind has elsewhere.
    let newer = [
        ("function_call", "tool_choice"),
        ("messages[].tool_call_id", "messages[].tool_calls"),
        ("messages[].name", "messages[].tool_calls"),
        ("input[].result", "input[].content[].image_url"),
        ("input[].content[].text", "input[].summary"),
    ];
    if newer.iter().any(|(old, new)| sample.path.starts_with(old) && losses.names(new)) {
        return Some("named otherwise");
    }
    // What a protocol takes for granted, said aloud.
    let usual = [
        ("modalities", "/modalities", json!(["text"])),
        ("tools[].external_web_access", "/tools/0/external_web_access", json!(true)),
        ("truncation", "/truncation", json!("disabled")),
        ("reasoning.mode", "/reasoning/mode", json!("standard")),
        ("reasoning.context", "/reasoning/context", json!("auto")),
    ];
    if usual.iter().any(|(path, at, value)| sample.path == *path && sample.with.pointer(at) == Some(value)) {
        return Some("the default");
    }
    // The target has its own model; how an answer tells its usage is no part of what a vendor is asked; what thoughts
    // rest on is always told, and kept by the gateway where the target has no place for it.
    match &*sample.path {
        "model" | "stream_options.include_usage" | "input[].encrypted_content" => Some("answered by the gateway"),
        "include" if sample.with["include"] == json!(["reasoning.encrypted_content"]) => {
            Some("answered by the gateway")
        }
        // Names and states that an earlier answer gave its items.
        "input[].id" | "input[].status" => Some("no part of the question"),
        _ => None,
    }
}

/// Whether the field at that place, or one that it is part of, is among the losses.
fn is_named(losses: &Losses, path: &str) -> bool {
    let ends = path.match_indices(['.', '[']).map(|(at, _)| at).chain([path.len()]);
    ends.filter_map(|end| path.get(..end)).any(|whole| losses.names(whole))
}

#[test]
fn every_field_arrives_or_is_named() {
    let spoken = spoken();
    let mut all_wrong = Vec::new();
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
            if !wrong.is_empty() {
                all_wrong.push(format!("{from:?} to {to:?}: {} wrong\n{}", wrong.len(), wrong.join("\n")));
            }
        }
    }
    assert!(all_wrong.is_empty(), "{}", all_wrong.join("\n"));
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
