//! The configuration from outside: what is taken, what is refused, and how it is told.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test says what is wrong by it")]

mod errors;
mod example;
mod hardness;
mod messages;
mod prices;
mod reload;
mod values;

use std::path::PathBuf;

use tollgate::config::{Config, ConfigErrors, Sources};

/// Sources with an environment and a file's name, but no file.
fn sources(env: &[(&str, &str)]) -> Sources {
    let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Sources { file: Some(PathBuf::from("tollgate.toml")), env: env.iter().map(pair).collect(), ..Sources::default() }
}

fn load(text: &str, env: &[(&str, &str)]) -> Result<Config, ConfigErrors> {
    Config::from_text(&sources(env), text)
}

fn sound(text: &str, env: &[(&str, &str)]) -> Config {
    load(text, env).unwrap_or_else(|errors| panic!("{errors}"))
}

/// The errors of a faulty configuration, printed.
fn refused(text: &str, env: &[(&str, &str)]) -> String {
    match load(text, env) {
        Ok(_) => panic!("taken: {text} {env:?}"),
        Err(errors) => errors.to_string(),
    }
}
