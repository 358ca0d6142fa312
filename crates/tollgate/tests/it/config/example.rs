//! The documentation tells the truth: the example and every block in the guide load.

use super::{load, sound};
use tollgate::config::Kind;

const ENV: &[(&str, &str)] = &[
    ("OPENAI_API_KEY", "k"),
    ("OPENAI_API_KEY_2", "k"),
    ("ANTHROPIC_API_KEY", "k"),
    ("DEEPSEEK_API_KEY", "k"),
    ("GEMINI_API_KEY", "k"),
    ("ARK_API_KEY", "k"),
    ("GOOGLE_CLOUD_PROJECT", "my-project"),
    ("KLING_ACCESS_KEY", "k"),
    ("KLING_SECRET_KEY", "k"),
    ("LOCAL_KEY", "k"),
];

#[test]
fn the_example_loads() {
    let text = include_str!("../../../../../tollgate.example.toml");
    let config = sound(text, ENV);
    for kind in Kind::ALL {
        let there = config.providers.values().any(|one| one.kind == kind);
        assert!(there, "{kind}");
    }
    assert_eq!(config.models["fast"].len(), 2);
}

#[test]
fn every_block_of_the_guide_loads() {
    let guides = [include_str!("../../../../../docs/configuration.md"), include_str!("../../../../../docs/prices.md")];
    let blocks = |guide: &'static str| guide.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let blocks: Vec<&str> = guides.into_iter().flat_map(blocks).collect();
    assert!(blocks.len() > 5);
    for block in blocks {
        if let Err(errors) = load(block, ENV) {
            panic!("{block}\n{errors}");
        }
    }
}
