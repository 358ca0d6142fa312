//! The variables by which vendors' own tools are configured.
//!
//! Owns the table of names and what they amount to. A key of our own in such a variable belongs to a client of
//! this gateway and is no vendor's, so it is passed over.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::environment::filled;
use super::{Auth, Kind, Secret};

/// Where vendors are when nobody says otherwise; Vertex's host follows from its location.
pub(super) fn default_base(kind: Kind, location: Option<&str>) -> Option<String> {
    let fixed = match kind {
        Kind::OpenAi => "https://api.openai.com",
        Kind::Anthropic => "https://api.anthropic.com",
        Kind::DeepSeek => "https://api.deepseek.com",
        Kind::Gemini => "https://generativelanguage.googleapis.com",
        Kind::Ark => "https://ark.cn-beijing.volces.com",
        Kind::Kling => "https://api-singapore.klingai.com",
        Kind::Vertex => {
            return Some(match location? {
                "global" => "https://aiplatform.googleapis.com".to_owned(),
                location => format!("https://{location}-aiplatform.googleapis.com"),
            });
        }
        Kind::OpenAiCompatible => return None,
    };
    Some(fixed.to_owned())
}

/// The variable that holds a kind's base URL.
pub(super) fn base_variable(kind: Kind) -> Option<&'static str> {
    Some(match kind {
        Kind::OpenAi => "OPENAI_BASE_URL",
        Kind::Anthropic => "ANTHROPIC_BASE_URL",
        Kind::DeepSeek => "DEEPSEEK_BASE_URL",
        Kind::Gemini => "GEMINI_BASE_URL",
        Kind::Vertex => "VERTEX_BASE_URL",
        Kind::Ark => "ARK_BASE_URL",
        Kind::Kling => "KLING_BASE_URL",
        Kind::OpenAiCompatible => return None,
    })
}

/// Names of the variables that hold a kind's credentials, for messages.
pub(super) fn key_variables(kind: Kind) -> &'static str {
    match kind {
        Kind::OpenAi => "OPENAI_API_KEY",
        Kind::Anthropic => "ANTHROPIC_API_KEY",
        Kind::DeepSeek => "DEEPSEEK_API_KEY",
        Kind::Gemini => "GEMINI_API_KEY or GOOGLE_API_KEY",
        Kind::Vertex => "VERTEX_ACCESS_TOKEN or GOOGLE_APPLICATION_CREDENTIALS",
        Kind::Ark => "ARK_API_KEY",
        Kind::Kling => "KLING_API_KEY, or KLING_ACCESS_KEY and KLING_SECRET_KEY",
        Kind::OpenAiCompatible => "",
    }
}

/// A kind's credential from its usual variables, with the name of the first of them; unset and empty are the same.
pub(super) fn credential(kind: Kind, env: &BTreeMap<String, String>) -> Option<(&'static str, Auth)> {
    let secret = |name: &'static str| -> Option<(&'static str, Secret)> {
        let value = filled(env, name)?;
        (!value.starts_with("sk-tg-")).then(|| (name, Secret::new(value)))
    };
    let key = |name| secret(name).map(|(name, value)| (name, Auth::ApiKey(value)));
    match kind {
        Kind::OpenAi => key("OPENAI_API_KEY"),
        Kind::Anthropic => key("ANTHROPIC_API_KEY"),
        Kind::DeepSeek => key("DEEPSEEK_API_KEY"),
        Kind::Gemini => key("GEMINI_API_KEY").or_else(|| key("GOOGLE_API_KEY")),
        Kind::Ark => key("ARK_API_KEY"),
        Kind::Vertex => {
            secret("VERTEX_ACCESS_TOKEN").map(|(name, value)| (name, Auth::AccessToken(value))).or_else(|| {
                let name = "GOOGLE_APPLICATION_CREDENTIALS";
                filled(env, name).map(|path| (name, Auth::ServiceAccount(PathBuf::from(path))))
            })
        }
        Kind::Kling => key("KLING_API_KEY").or_else(|| {
            let (name, access_key) = secret("KLING_ACCESS_KEY")?;
            let (_, secret_key) = secret("KLING_SECRET_KEY")?;
            let pair = Auth::KeyPair { access_key, secret_key };
            Some((name, pair))
        }),
        Kind::OpenAiCompatible => None,
    }
}
