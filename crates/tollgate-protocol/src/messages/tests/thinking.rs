//! How thought is asked for.

use super::*;

/// Models of the vendor by their way of thinking.
fn thinker(thinking: Thinking, efforts: &[Effort]) -> Capabilities {
    let efforts = efforts.iter().fold(EffortSet::default(), |set, effort| set.with(*effort));
    Capabilities { thinking: Thinking { efforts, ..thinking }, ..Capabilities::default() }
}

/// None at all.
const NO_WAY: Thinking =
    Thinking { off: false, budget: false, adaptive: false, efforts: EffortSet::ALL, by_default: false };
/// By a number of tokens.
const OLDER: Thinking = Thinking { off: true, budget: true, ..NO_WAY };
/// As the model sees fit, unless it is told not to.
const NEWER: Thinking = Thinking { off: true, adaptive: true, by_default: true, ..NO_WAY };

#[test]
fn thought_is_asked_for_as_the_model_takes_it() {
    let older = thinker(OLDER, &[]);
    let capped = Capabilities { max_output_tokens: Some(64_000), ..thinker(OLDER, &[]) };
    let newer = thinker(NEWER, &[Effort::Low, Effort::Medium, Effort::High, Effort::Max]);
    let always = thinker(Thinking { off: false, ..NEWER }, &[Effort::Low, Effort::High]);
    let none = thinker(NO_WAY, &[]);
    let ask = |effort: Option<Effort>, budget: Option<u64>| ReasoningAsk { effort, budget, ..ReasoningAsk::default() };
    let off = ReasoningAsk { mode: Some(ThinkingMode::Off), ..ReasoningAsk::default() };
    for (accepts, reasoning, cap, thinking, effort, losses) in [
        (&older, ask(None, None), None, json!(null), json!(null), "exact"),
        (
            &older,
            ask(Some(Effort::High), None),
            None,
            json!({"type": "enabled", "budget_tokens": 24_576}),
            json!(null),
            "approximated=reasoning_effort",
        ),
        (
            &older,
            ask(None, Some(5000)),
            Some(9000),
            json!({"type": "enabled", "budget_tokens": 5000}),
            json!(null),
            "exact",
        ),
        (
            &older,
            ask(None, Some(100)),
            Some(9000),
            json!({"type": "enabled", "budget_tokens": 1024}),
            json!(null),
            "approximated=thinking.budget_tokens",
        ),
        (
            &older,
            ask(None, Some(9000)),
            Some(2000),
            json!({"type": "enabled", "budget_tokens": 1999}),
            json!(null),
            "approximated=thinking.budget_tokens",
        ),
        (&older, ask(None, Some(9000)), Some(1000), json!(null), json!(null), "dropped=thinking.budget_tokens"),
        (
            &capped,
            ask(None, Some(500_000)),
            None,
            json!({"type": "enabled", "budget_tokens": 55_808}),
            json!(null),
            "approximated=thinking.budget_tokens",
        ),
        (&older, off.clone(), None, json!({"type": "disabled"}), json!(null), "exact"),
        (&newer, ask(Some(Effort::High), None), None, json!({"type": "adaptive"}), json!("high"), "exact"),
        (
            &newer,
            ask(Some(Effort::Minimal), None),
            None,
            json!({"type": "adaptive"}),
            json!("low"),
            "approximated=reasoning_effort",
        ),
        (
            &newer,
            ask(None, Some(20_000)),
            None,
            json!({"type": "adaptive"}),
            json!("high"),
            "approximated=thinking.budget_tokens",
        ),
        (&newer, ask(Some(Effort::None), None), None, json!({"type": "disabled"}), json!(null), "exact"),
        (&always, off, None, json!(null), json!("low"), "approximated=thinking"),
        (&none, ask(Some(Effort::High), None), None, json!(null), json!(null), "dropped=reasoning_effort"),
    ] {
        let request = Request { reasoning: reasoning.clone(), max_output_tokens: cap, ..asked(vec![user("x")]) };
        let (body, lost) = write(&request, accepts).unwrap();
        assert_eq!(
            (&body["thinking"], &body["output_config"]["effort"], &*lost),
            (&thinking, &effort, losses),
            "{reasoning:?}"
        );
        let room = body["max_tokens"].as_u64().unwrap();
        assert!(room > body["thinking"]["budget_tokens"].as_u64().unwrap_or(0), "{body}");
    }
}

#[test]
fn thought_gives_way_to_what_the_vendor_refuses_with_it() {
    let older = thinker(OLDER, &[]);
    let budget = ReasoningAsk { budget: Some(2000), ..ReasoningAsk::default() };
    let base = Request { reasoning: budget, tools: vec![function("f")], ..asked(vec![user("x")]) };
    let (body, lost) = write(&Request { tool_choice: Some(ToolChoice::Required), ..base.clone() }, &older).unwrap();
    assert_eq!((&body["thinking"], &*lost), (&json!(null), "dropped=thinking.budget_tokens"));
    // In the midst of a loop of tools the thoughts that led to the call must be there.
    let own = Part::new(Content::Reasoning(Reasoning::default())).sealed(Some(seal(Protocol::Messages, "s")));
    for (proof, kept) in [(None, false), (Some(own), true)] {
        let said: Vec<Part> = proof.into_iter().chain([calls("1", "f", "{}")]).collect();
        let turns = vec![user("x"), Turn::new(Role::Assistant, said), Turn::new(Role::User, vec![gives("1", "r")])];
        let (body, _) = write(&Request { turns, ..base.clone() }, &older).unwrap();
        assert_eq!(body["thinking"]["type"] == "enabled", kept, "{body}");
    }
    // Nobody chooses how words are drawn while it thinks.
    let mut drawn = base;
    (drawn.sampling.temperature, drawn.sampling.top_p, drawn.sampling.top_k) = (Some(0.2), Some(0.97), Some(3));
    let (body, lost) = write(&drawn, &older).unwrap();
    assert_eq!((&body["temperature"], &body["top_p"], &body["top_k"]), (&json!(null), &json!(0.97), &json!(null)));
    assert_eq!(lost, "dropped=temperature,top_k");
}
